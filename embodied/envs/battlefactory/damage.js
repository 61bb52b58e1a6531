'use strict';
// What a move is expected to do, from what is known of two Pokemon.
//
// A sheet is {level, types, stats: [atk, def, spa, spd, spe], boosts (of the
// same five), ability, item, status, hp, most, weight}. The formula is that of
// the third generation (Bulbapedia, "Damage", generation III).

const BOOSTED = {
  blackbelt: 'Fighting', blackglasses: 'Dark', charcoal: 'Fire',
  dragonfang: 'Dragon', hardstone: 'Rock', magnet: 'Electric',
  metalcoat: 'Steel', miracleseed: 'Grass', mysticwater: 'Water',
  nevermeltice: 'Ice', poisonbarb: 'Poison', sharpbeak: 'Flying',
  silkscarf: 'Normal', silverpowder: 'Bug', softsand: 'Ground',
  spelltag: 'Ghost', twistedspoon: 'Psychic',
};
const PINCH = {
  overgrow: 'Grass', blaze: 'Fire', torrent: 'Water', swarm: 'Bug',
};
const ABSORBED = {
  levitate: 'Ground', voltabsorb: 'Electric', waterabsorb: 'Water',
  flashfire: 'Fire',
};
const ALONE = {
  clamperl: {deepseatooth: 'spa', deepseascale: 'spd'},
  cubone: {thickclub: 'atk'}, marowak: {thickclub: 'atk'},
  pikachu: {lightball: 'spa'}, ditto: {metalpowder: 'def'},
};
const ORDER = ['atk', 'def', 'spa', 'spd', 'spe'];
const AVERAGE = 0.925; // of the random factor from 0.85 to 1
// Moves whose damage another turn decides: what the opponent does, or waits.
const INDIRECT = new Set([
  'counter', 'mirrorcoat', 'bide', 'endeavor', 'spitup', 'snore', 'fakeout',
]);

const stage = (n) => n < 0 ? 2 / (2 - n) : (2 + n) / 2;

/** The factor of the two types, 0 where the move does nothing to them. */
function effectiveness(dex, move, defender) {
  let factor = 1;
  if (move.id === 'struggle') return 1;
  for (const type of defender.types) {
    if (!dex.getImmunity(move.type, type)) return 0;
    factor *= 2 ** dex.getEffectiveness(move.type, type);
  }
  if (ABSORBED[defender.ability] === move.type) return 0;
  if (defender.ability === 'soundproof' && move.flags.sound) return 0;
  if (defender.ability === 'wonderguard' && factor <= 1) return 0;
  return factor;
}

/** Power of a move, with what its user and its target make of it. */
function power(move, user, target) {
  const share = user.hp / user.most;
  switch (move.id) {
    case 'flail': case 'reversal': {
      const limits = [[0.0417, 200], [0.1042, 150], [0.2083, 100],
        [0.3542, 80], [0.6875, 40], [2, 20]];
      return limits.find(([limit]) => share < limit)[1];
    }
    case 'eruption': case 'waterspout': return Math.max(1, 150 * share);
    case 'facade': return user.status ? 140 : 70;
    case 'return': case 'frustration': return move.id === 'return' ? 1 : 102;
    case 'hiddenpower': return user.hidden ? user.hidden.power : 60;
    case 'lowkick': {
      const limits = [[10, 20], [25, 40], [50, 60], [100, 80], [200, 100]];
      return (limits.find(([limit]) => target.weight < limit) || [0, 120])[1];
    }
    case 'magnitude': return 71;
    case 'present': return 52;
    case 'triplekick': return 60;
    case 'solarbeam': return user.weather === 'sunnyday' ? 120 : 60;
    case 'focuspunch': return 75;
    case 'smellingsalts': return target.status === 'par' ? 120 : 60;
    case 'weatherball': return user.weather ? 100 : 50;
    case 'dreameater': return target.status === 'slp' ? 100 : 0;
    case 'hyperbeam': case 'blastburn': case 'frenzyplant':
    case 'hydrocannon': return 100; // 150, and then a turn of rest
  }
  if (INDIRECT.has(move.id)) return 0;
  const hits = move.multihit;
  const times = Array.isArray(hits) ? 3 : hits || 1;
  return move.basePower * times;
}

/** Damage that does not depend on stats; null for other moves. */
function fixed(dex, move, user, target) {
  if (move.ohko) {
    const fails = target.ability === 'sturdy' || target.level > user.level;
    return fails ? 0 : target.hp;
  }
  if (move.id === 'superfang') return Math.max(1, Math.floor(target.hp / 2));
  if (move.id === 'psywave') return user.level;
  if (move.damage === 'level') return user.level;
  return typeof move.damage === 'number' ? move.damage : null;
}

/** Attack and defence that meet, with boosts, abilities and items. */
function duel(move, user, target, physical) {
  const [a, d] = physical ? [0, 1] : [2, 3];
  let attack = user.stats[a] * stage(user.boosts[a]);
  let defence = target.stats[d] * stage(target.boosts[d]);
  const own = ALONE[user.species]?.[user.item];
  if (own && own === ORDER[a]) attack *= 2;
  const theirs = ALONE[target.species]?.[target.item];
  if (theirs && theirs === ORDER[d]) defence *= 2;
  const soul = (x) => x.item === 'souldew' && /^lati[ao]s$/.test(x.species);
  if (!physical && soul(user)) attack *= 1.5;
  if (!physical && soul(target)) defence *= 1.5;
  if (physical) {
    if (['hugepower', 'purepower'].includes(user.ability)) attack *= 2;
    if (user.ability === 'hustle') attack *= 1.5;
    if (user.ability === 'guts' && user.status) attack *= 1.5;
    if (user.item === 'choiceband') attack *= 1.5;
    if (target.ability === 'marvelscale' && target.status) defence *= 1.5;
    if (move.selfdestruct) defence *= 0.5;
  }
  if (BOOSTED[user.item] === move.type) attack *= 1.1;
  const fat = target.ability === 'thickfat';
  if (fat && (move.type === 'Fire' || move.type === 'Ice')) attack *= 0.5;
  return [attack, defence];
}

/**
 * Hit points that `move` takes from `target` on average if it hits, without a
 * critical hit. Not more than it has.
 */
function damage(dex, move, user, target) {
  if (move.category === 'Status') return 0;
  const type = move.id === 'hiddenpower' && user.hidden ?
    user.hidden.type : move.type;
  if (type !== move.type) move = {...move, type};
  const factor = effectiveness(dex, move, target);
  if (!factor) return 0;
  if (move.selfdestruct && target.ability === 'damp') return 0;
  const sure = fixed(dex, move, user, target);
  if (sure !== null) return Math.min(sure, target.hp);
  let base = power(move, user, target);
  if (!base) return 0;
  if (PINCH[user.ability] === type && user.hp * 3 <= user.most) base *= 1.5;
  const physical = dex.types.get(type).name in PHYSICAL;
  const [attack, defence] = duel(move, user, target, physical);
  const level = Math.floor(2 * user.level / 5 + 2);
  let points = level * base * attack / Math.max(1, defence) / 50;
  if (physical && user.status === 'brn' && user.ability !== 'guts') {
    points /= 2;
  }
  if (target.screens?.[physical ? 'reflect' : 'lightscreen']) points /= 2;
  const wet = {raindance: 'Water', sunnyday: 'Fire'}[user.weather];
  const dry = {raindance: 'Fire', sunnyday: 'Water'}[user.weather];
  if (type === wet) points *= 1.5;
  if (type === dry) points *= 0.5;
  points += 2;
  if (user.types.includes(type)) points *= 1.5;
  if (move.id === 'futuresight' || move.id === 'doomdesire') points /= 2;
  points *= factor * AVERAGE;
  return Math.min(target.hp, Math.max(1, Math.floor(points)));
}

const PHYSICAL = {
  Normal: 1, Fighting: 1, Flying: 1, Poison: 1, Ground: 1, Rock: 1, Bug: 1,
  Ghost: 1, Steel: 1,
};

/** The share of the uses of a move that hit. */
function accuracy(move, user, target) {
  if (move.ohko) return (30 + user.level - target.level) / 100;
  return move.accuracy === true ? 1 : move.accuracy / 100;
}

/** The sheet of a Pokemon in a battle, with all that is true of it. */
function sheet(pokemon) {
  const battle = pokemon.battle;
  const boosts = pokemon.boosts;
  return {
    species: pokemon.species.id, level: pokemon.level,
    types: pokemon.getTypes(),
    stats: ORDER.map((x) => pokemon.storedStats[x]),
    boosts: ORDER.map((x) => boosts[x]),
    ability: pokemon.ability, item: pokemon.item, status: pokemon.status,
    hp: pokemon.hp, most: pokemon.maxhp, weight: pokemon.weighthg / 10,
    hidden: {type: pokemon.hpType, power: pokemon.hpPower},
    weather: battle.field.effectiveWeather(),
    screens: pokemon.side.sideConditions,
  };
}

module.exports = {accuracy, damage, effectiveness, sheet};
