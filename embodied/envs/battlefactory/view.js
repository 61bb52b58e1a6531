'use strict';
// What the first side sees of a battle, as a few short lists.
//
// Of its own team it sees everything. Of the foe's it sees what is on the
// screen: bars of 48 steps, statuses, and the stages and conditions of the
// Pokemon in battle. What was revealed once stands in the log.

const {bench, kind, options, team} = require('./choices.js');
const {bar, estimates} = require('./estimates.js');

const STAGES = ['atk', 'def', 'spa', 'spd', 'spe', 'accuracy', 'evasion'];
const STATS = ['atk', 'def', 'spa', 'spd', 'spe'];

/** What stands beside each Pokemon on the field. */
function field(pokemon) {
  return {
    boosts: STAGES.map((x) => pokemon.boosts[x]),
    types: pokemon.getTypes(),
    species: pokemon.species.id,
    volatiles: Object.keys(pokemon.volatiles),
  };
}

/** The lines of the log from `record.seen` on, as the first side reads them. */
function lines(record) {
  const all = record.battle.log, out = [];
  let i = record.seen;
  for (; i < all.length; i++) {
    let line = all[i];
    if (line.startsWith('|split|')) {
      line = all[i + (line === '|split|p1' ? 1 : 2)];
      i += 2;
    }
    if (line && line !== '|' && !line.startsWith('|t:|')) out.push(line);
  }
  record.seen = i;
  return out;
}

/** Turns left of a condition, as far as the game counts them. */
function conditions(side) {
  const out = {};
  for (const id in side.sideConditions) {
    const state = side.sideConditions[id];
    out[id] = state.layers || state.duration || 1;
  }
  return out;
}

function own(pokemon) {
  return [
    pokemon.hp, pokemon.maxhp, pokemon.status, pokemon.item, pokemon.ability,
    pokemon.baseMoveSlots.map((x) => x.pp),
  ];
}

function view(record, open) {
  const {battle} = record;
  const [mine, theirs] = battle.sides;
  const mask = open ? options(mine).map((x) => x ? 1 : 0) : [0, 0, 0, 0, 0, 0];
  const me = mine.active[0], foe = theirs.active[0];
  return {
    kind: open ? kind(mine) : 'end',
    won: battle.winner === 'p1',
    mask, turn: battle.turn, log: lines(record),
    weather: battle.field.weather,
    weather_turns: battle.field.weatherState.duration || 0,
    me: team(mine).map(own),
    foe: team(theirs).map((x) => [bar(x), x.status]),
    active: [me.set.place, foe.set.place],
    bench: bench(mine).map((x) => x.set.place),
    estimates: estimates(battle.dex, team(mine), foe),
    field: [field(me), field(foe)],
    moves: me.moveSlots.map((x) => [x.id, x.pp, x.disabled ? 1 : 0]),
    stats: STATS.map((x) => me.storedStats[x]),
    sides: [conditions(mine), conditions(theirs)],
  };
}

module.exports = {view};
