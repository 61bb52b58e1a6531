'use strict';
// The trainers of the Factory: how they score moves.
//
// Three kinds of judgement add to a score of 100 for each move; the best score
// wins, and equal ones are drawn. `bad` refuses what has no effect, `faint`
// prefers what knocks out, `viable` weighs situations. Without any of them each
// usable move is as likely. The rules are written after published descriptions
// of the game's trainers; `viable` keeps the common cases of its hundred.

const {damage, effectiveness, sheet} = require('./damage.js');
const {bench} = require('./choices.js');

const chance = (rng, of256) => rng.below(256) < of256;
const percent = (pokemon) => 100 * pokemon.hp / pokemon.maxhp;
const has = (pokemon, id) => id in pokemon.volatiles;

/** Why a status would not hold on `target`; '' if it would. */
function immune(status, target, side) {
  if (target.status || side.sideConditions.safeguard) return true;
  const types = target.getTypes();
  const is = (...names) => names.includes(target.ability);
  switch (status) {
    case 'slp': return is('insomnia', 'vitalspirit');
    case 'psn': case 'tox':
      return is('immunity') || types.includes('Poison') ||
        types.includes('Steel');
    case 'par': return is('limber');
    case 'brn': return is('waterveil') || types.includes('Fire');
    case 'frz': return is('magmaarmor') || types.includes('Ice');
  }
  return false;
}

/** Whether raising or lowering these stages can do nothing any more. */
function spent(boosts, pokemon, limit) {
  return Object.keys(boosts).every((x) => pokemon.boosts[x] === limit);
}

// Conditions under which a move of the name fails.
const FAILS = {
  bellydrum: (me) => percent(me) <= 50 || me.boosts.atk === 6,
  batonpass: (me) => !bench(me.side).some((x) => x.hp),
  dreameater: (me, foe) => foe.status !== 'slp',
  nightmare: (me, foe) => foe.status !== 'slp' || has(foe, 'nightmare'),
  snore: (me) => me.status !== 'slp',
  sleeptalk: (me) => me.status !== 'slp',
  fakeout: (me) => me.activeMoveActions > 0,
  substitute: (me) => has(me, 'substitute') || percent(me) <= 25,
  leechseed: (me, foe) => has(foe, 'leechseed') || foe.hasType('Grass'),
  focusenergy: (me) => has(me, 'focusenergy'),
  ingrain: (me) => has(me, 'ingrain'),
  attract: (me, foe) => has(foe, 'attract') || foe.ability === 'oblivious' ||
    !me.gender || !foe.gender || me.gender === 'N' || me.gender === foe.gender,
  disable: (me, foe) => has(foe, 'disable') || !foe.lastMove,
  encore: (me, foe) => has(foe, 'encore') || !foe.lastMove,
  foresight: (me, foe) => has(foe, 'foresight'),
  odorsleuth: (me, foe) => has(foe, 'foresight'),
  perishsong: (me, foe) => has(foe, 'perishsong'),
  meanlook: (me, foe) => has(foe, 'trapped'),
  block: (me, foe) => has(foe, 'trapped'),
  spiderweb: (me, foe) => has(foe, 'trapped'),
  curse: (me, foe) => me.hasType('Ghost') ? has(foe, 'curse') :
    me.boosts.atk === 6 && me.boosts.def === 6,
  haze: (me, foe) => Object.values(me.boosts).every((x) => x >= 0) &&
    Object.values(foe.boosts).every((x) => x <= 0),
  psychup: (me, foe) => Object.values(foe.boosts).every((x) => x <= 0),
  roar: (me, foe) => !bench(foe.side).some((x) => x.hp) ||
    foe.ability === 'suctioncups',
  whirlwind: (me, foe) => !bench(foe.side).some((x) => x.hp) ||
    foe.ability === 'suctioncups',
  refresh: (me) => !me.status,
  rest: (me) => me.hp === me.maxhp || me.status === 'slp',
  stockpile: (me) => me.volatiles.stockpile?.layers >= 3,
  spitup: (me) => !has(me, 'stockpile'),
  swallow: (me) => !has(me, 'stockpile'),
  spikes: (me, foe) => foe.side.sideConditions.spikes?.layers >= 3,
  taunt: (me, foe) => has(foe, 'taunt'),
  torment: (me, foe) => has(foe, 'torment'),
  yawn: (me, foe) => has(foe, 'yawn') || immune('slp', foe, foe.side),
  imprison: (me) => has(me, 'imprison'),
  memento: (me, foe) => foe.boosts.atk === -6 && foe.boosts.spa === -6,
  futuresight: (me, foe) => 'futuremove' in foe.side.slotConditions[0],
  doomdesire: (me, foe) => 'futuremove' in foe.side.slotConditions[0],
  helpinghand: () => true,
  followme: () => true,
  splash: () => true,
  mudsport: (me) => has(me, 'mudsport'),
  watersport: (me) => has(me, 'watersport'),
};

/** Judgement 1: what cannot work loses ten points. */
function bad(dex, move, me, foe, sheets) {
  const side = foe.side;
  const aimed = !['self', 'allySide', 'foeSide', 'all'].includes(move.target);
  const hits = move.category !== 'Status' || move.id === 'thunderwave';
  if (aimed && hits && !effectiveness(dex, move, sheets.foe)) return -10;
  if (aimed && foe.ability === 'soundproof' && move.flags.sound) return -10;
  if (FAILS[move.id]?.(me, foe)) return -10;
  if (move.selfdestruct && foe.ability === 'damp') return -10;
  if (move.ohko && (foe.ability === 'sturdy' || foe.level > me.level)) {
    return -10;
  }
  if (move.weather) {
    const now = me.battle.field.weather;
    return now === dex.toID(move.weather) ? -8 : 0;
  }
  if (move.sideCondition && move.target !== 'foeSide') {
    return dex.toID(move.sideCondition) in me.side.sideConditions ? -8 : 0;
  }
  if (move.category !== 'Status') return 0;
  if (move.heal && me.hp === me.maxhp) return -8;
  if (move.status && immune(move.status, foe, side)) return -10;
  if (move.volatileStatus === 'confusion') {
    const safe = foe.ability === 'owntempo' || side.sideConditions.safeguard;
    if (safe || has(foe, 'confusion')) return -5;
  }
  if (move.boosts) {
    if (!aimed) return spent(move.boosts, me, 6) ? -10 : 0;
    const steady = ['clearbody', 'whitesmoke'].includes(foe.ability);
    const lowers = Object.values(move.boosts).some((x) => x < 0);
    if (lowers && (steady || 'mist' in side.sideConditions)) return -10;
    if (lowers && spent(move.boosts, foe, -6)) return -10;
  }
  return 0;
}

/** Judgement 2: knock out, or do the most damage. */
function faint(dex, move, me, foe, sheets, rng, dealtBy) {
  const most = Math.max(...dealtBy.values());
  const dealt = dealtBy.get(move.id);
  if (!dealt) return 0;
  if (dealt >= foe.hp) return move.priority > 0 ? 6 : 4;
  let score = dealt < most ? -1 : 0;
  const fourfold = effectiveness(dex, move, sheets.foe) >= 4;
  if (fourfold && !chance(rng, 80)) score += 2;
  return score;
}

const SETUP = new Set([
  'swordsdance', 'bulkup', 'dragondance', 'howl', 'meditate', 'sharpen',
  'growth', 'calmmind', 'tailglow', 'irondefense', 'acidarmor', 'barrier',
  'amnesia', 'cosmicpower', 'harden', 'withdraw', 'defensecurl', 'doubleteam',
  'minimize', 'curse',
]);

/** Judgement 3: whether this is the situation for such a move. */
function viable(dex, move, me, foe, sheets, rng) {
  const mine = percent(me), theirs = percent(foe);
  const faster = sheets.me.speed >= sheets.foe.speed;
  const likely = chance(rng, 180);
  if (move.selfdestruct || move.id === 'memento') {
    if (mine > 80) return likely ? -3 : -1;
    return mine > 50 ? (likely ? -1 : 0) : (likely ? 1 : 0);
  }
  if (move.heal || move.id === 'rest') {
    if (mine > 85) return -3;
    if (mine > 60) return likely ? -1 : 0;
    return likely ? (faster ? 2 : 3) : 1;
  }
  if (['agility', 'dragondance'].includes(move.id) && mine > 40) {
    return faster ? -3 : (likely ? 3 : 0);
  }
  if (SETUP.has(move.id)) {
    const stages = Object.keys(move.boosts || {atk: 1});
    const high = Math.max(...stages.map((x) => me.boosts[x]));
    if (high >= 3) return likely ? -1 : 0;
    if (mine === 100) return chance(rng, 128) ? 2 : 0;
    return mine < 70 ? (mine < 40 || likely ? -2 : 0) : 0;
  }
  if (move.status === 'par') {
    return !faster ? (chance(rng, 236) ? 3 : 0) : (mine < 70 ? -1 : 0);
  }
  if (move.status === 'slp') return chance(rng, 128) ? 1 : 0;
  if (['toxic', 'leechseed'].includes(move.id)) {
    if (mine <= 50) return likely ? -3 : 0;
    return theirs <= 50 ? (likely ? -3 : 0) : (chance(rng, 60) ? 0 : 1);
  }
  if (['reflect', 'lightscreen', 'safeguard', 'mist'].includes(move.id)) {
    return mine < 50 ? -2 : (chance(rng, 128) ? 1 : 0);
  }
  if (move.weather) return mine < 40 ? -1 : (chance(rng, 128) ? 1 : 0);
  if (['protect', 'detect'].includes(move.id)) {
    if (has(me, 'stall')) return -2;
    const ails = ['psn', 'tox', 'brn'].includes(foe.status);
    return ails || has(foe, 'leechseed') || has(foe, 'curse') ? 2 : -1;
  }
  if (move.id === 'substitute') return mine < 60 ? -1 : 1;
  if (move.id === 'fakeout') return 2;
  if (move.id === 'spikes') return mine > 60 ? (likely ? 1 : 0) : -1;
  if (['counter', 'mirrorcoat'].includes(move.id)) {
    if (mine < 40) return -1;
    return chance(rng, 100) ? 1 : -1;
  }
  if (['haze', 'psychup', 'roar', 'whirlwind'].includes(move.id)) {
    return Object.values(foe.boosts).some((x) => x >= 3) ? 3 : -3;
  }
  if (move.category === 'Status') {
    // Other tricks: worth less when either side is about to fall.
    return mine < 50 || theirs < 50 ? (likely ? -1 : 0) : 0;
  }
  const factor = effectiveness(dex, move, sheets.foe);
  const special = move.secondary || move.critRatio > 1 || move.drain;
  if (special && factor > 1 && chance(rng, 128)) return 1;
  return move.drain && factor < 1 && likely ? -3 : 0;
}

const JUDGEMENTS = {bad, faint, viable};

/** The damage of every move of `me` with an average roll, by its name. */
function table(dex, me, sheets) {
  const found = new Map();
  for (const slot of me.moveSlots) {
    const move = dex.moves.get(slot.id);
    found.set(slot.id, damage(dex, move, sheets.me, sheets.foe));
  }
  return found;
}

function sheetsOf(me, foe) {
  const sheets = {me: sheet(me), foe: sheet(foe)};
  sheets.me.speed = me.getStat('spe');
  sheets.foe.speed = foe.getStat('spe');
  return sheets;
}

/** The slot of a trainer's move among those in `slots`. */
function chooseMove(dex, side, slots, judgements, rng) {
  const me = side.active[0], foe = side.foe.active[0];
  if (!judgements.length || slots.length === 1) {
    return slots[rng.below(slots.length)];
  }
  const sheets = sheetsOf(me, foe);
  const dealt = table(dex, me, sheets);
  const scores = slots.map((slot) => {
    const move = dex.moves.get(me.moveSlots[slot].id);
    let score = 100;
    for (const name of judgements) {
      score += JUDGEMENTS[name](dex, move, me, foe, sheets, rng, dealt);
    }
    return score;
  });
  const best = Math.max(...scores);
  const ties = slots.filter((_, i) => scores[i] === best);
  return ties[rng.below(ties.length)];
}

module.exports = {chance, chooseMove, percent, sheetsOf, table};
