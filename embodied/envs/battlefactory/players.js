'use strict';
// Who may hold the reins of a side: the Factory's trainers, and baselines.

const {chooseMove} = require('./trainer.js');
const {replacement, wantsSwitch} = require('./switching.js');
const {accuracy, damage, sheet} = require('./damage.js');
const {bench, kind, options} = require('./choices.js');

const range = (from, to) => Array.from({length: to - from}, (_, i) => from + i);
const pick = (rng, list) => list[rng.below(list.length)];

/** The best of `list` by `value`; equal ones are drawn. */
function best(rng, list, value) {
  const values = list.map(value);
  const most = Math.max(...values);
  return pick(rng, list.filter((_, i) => values[i] === most));
}

/** A trainer of the Factory, with these judgements. */
function factory(judgements) {
  return (dex, side, open, rng) => {
    const places = open.filter((x) => x >= 4).map((x) => x - 4);
    const slots = open.filter((x) => x < 4);
    if (kind(side) === 'switch') {
      return 4 + replacement(dex, side, places);
    }
    const place = wantsSwitch(dex, side, places, rng);
    if (place >= 0) return 4 + place;
    return chooseMove(dex, side, slots, judgements, rng);
  };
}

/** A baseline: `value` of a slot, and whether it switches by matchup. */
function greedy(value, switches) {
  return (dex, side, open, rng) => {
    const slots = open.filter((x) => x < 4), benched = open.filter((x) => x > 3);
    const edge = (action) => matchup(dex, bench(side)[action - 4], side);
    if (!slots.length) {
      return switches ? best(rng, benched, edge) : pick(rng, benched);
    }
    if (switches && benched.length) {
      const goal = best(rng, benched, edge);
      const now = matchup(dex, side.active[0], side);
      // A switch costs a turn, in which the foe hits.
      if (now < 0 && edge(goal) - now > MARGIN) return goal;
    }
    return best(rng, slots, (slot) => value(dex, side, slot));
  };
}

const MARGIN = 0.6;

/** Shares of hit points per turn: what it deals less what it takes. */
function matchup(dex, pokemon, side) {
  const foe = side.foe.active[0];
  const me = sheet(pokemon), other = sheet(foe);
  const most = (user, target, slots) => Math.max(0, ...slots.map((slot) => {
    const move = dex.moves.get(slot.id);
    return damage(dex, move, user, target) * accuracy(move, user, target);
  }));
  const dealt = most(me, other, pokemon.moveSlots) / Math.max(1, foe.hp);
  const taken = most(other, me, foe.moveSlots) / Math.max(1, pokemon.hp);
  return dealt - taken;
}

function power(dex, side, slot) {
  return dex.moves.get(side.active[0].moveSlots[slot].id).basePower;
}

function expected(dex, side, slot) {
  const me = sheet(side.active[0]), foe = sheet(side.foe.active[0]);
  const move = dex.moves.get(side.active[0].moveSlots[slot].id);
  return damage(dex, move, me, foe) * accuracy(move, me, foe);
}

const PLAYERS = {
  random: (dex, side, open, rng) => pick(rng, open),
  power: greedy(power, false),
  damage: greedy(expected, false),
  switching: greedy(expected, true),
  trainer0: factory([]),
  trainer1: factory(['bad']),
  trainer3: factory(['bad', 'faint', 'viable']),
};

/** The action that a player takes for a side that has to act. */
function decide(name, dex, side, rng) {
  const texts = options(side);
  const open = range(0, 6).filter((x) => texts[x]);
  return open.length === 1 ? open[0] : PLAYERS[name](dex, side, open, rng);
}

module.exports = {PLAYERS, decide};
