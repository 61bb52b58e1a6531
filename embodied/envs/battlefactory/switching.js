'use strict';
// When every trainer of the game switches, and to whom.

const {effectiveness} = require('./damage.js');
const {bench} = require('./choices.js');
const {chance, percent, sheetsOf, table} = require('./trainer.js');

/** The strongest factor that a move of `pokemon` has on `target`. */
function reach(dex, pokemon, target) {
  const seen = {types: target.getTypes(), ability: target.ability};
  return Math.max(0, ...pokemon.moveSlots.map((slot) => {
    const move = dex.moves.get(slot.id);
    return move.category === 'Status' ? 0 : effectiveness(dex, move, seen);
  }));
}

/** Who should replace a fainted Pokemon: place on the bench. */
function replacement(dex, side, places) {
  const foe = side.foe.active[0], others = bench(side);
  const danger = (x) => foe.getTypes().reduce((sum, type) =>
    sum * (dex.getImmunity(type, x) ? 2 ** dex.getEffectiveness(type, x) : 0),
  1);
  const good = places.filter((i) => reach(dex, others[i], foe) > 1);
  const rank = (i) => danger(others[i].getTypes());
  if (good.length) {
    return good.reduce((a, b) => rank(b) < rank(a) ? b : a);
  }
  const strongest = (i) => Math.max(
    ...table(dex, others[i], sheetsOf(others[i], foe)).values());
  return places.reduce((a, b) => strongest(b) > strongest(a) ? b : a);
}

const ABSORBERS = {
  Water: 'waterabsorb', Electric: 'voltabsorb', Fire: 'flashfire',
};

/** A place on the bench to switch to, or -1; as every trainer of the game. */
function wantsSwitch(dex, side, places, rng) {
  if (!places.length) return -1;
  const me = side.active[0], foe = side.foe.active[0], others = bench(side);
  if (me.volatiles.perishsong?.duration === 1) {
    return replacement(dex, side, places);
  }
  if (foe.ability === 'wonderguard' && reach(dex, me, foe) <= 1) {
    const able = places.filter((i) => reach(dex, others[i], foe) > 1);
    if (able.length && chance(rng, 171)) return able[0];
  }
  const last = foe.lastMove;
  if (last && last.category !== 'Status' && reach(dex, me, foe) <= 1) {
    const ability = ABSORBERS[last.type];
    const able = places.filter((i) => others[i].ability === ability);
    if (ability && able.length && me.ability !== ability && chance(rng, 128)) {
      return able[0];
    }
  }
  const sleepy = me.status === 'slp' && me.ability === 'naturalcure';
  if (sleepy && percent(me) >= 50 && chance(rng, 128)) {
    return replacement(dex, side, places);
  }
  if (reach(dex, me, foe) > 1 && !chance(rng, 26)) return -1;
  const raised = Object.values(me.boosts).reduce(
    (sum, x) => sum + Math.max(0, x), 0);
  if (raised > 3 || !last || last.category === 'Status') return -1;
  // Somebody who shrugs off the last hit and answers it well.
  for (const [limit, odds] of [[0, 128], [0.5, 85]]) {
    for (const i of places) {
      const seen = {types: others[i].getTypes(), ability: others[i].ability};
      const shrugs = effectiveness(dex, last, seen) <= limit;
      if (shrugs && reach(dex, others[i], foe) > 1 && chance(rng, odds)) {
        return i;
      }
    }
  }
  return -1;
}

module.exports = {replacement, wantsSwitch};
