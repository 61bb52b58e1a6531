'use strict';
// What the first side can work out about damage, from what it sees.
//
// Its own team is known exactly. The foe in battle has average stats, no item,
// the ability of its species if there is only one, the moves it was seen to
// use, and a usual attack of each of its types that these do not cover.

const {accuracy, damage, sheet} = require('./damage.js');

const BAR = 48;
const TRAINED = 85; // effort values of each stat if 510 are spread evenly
const KEYS = ['hp', 'atk', 'def', 'spa', 'spd', 'spe'];
const TYPICAL = {
  Normal: 'bodyslam', Fire: 'flamethrower', Water: 'surf',
  Electric: 'thunderbolt', Grass: 'gigadrain', Ice: 'icebeam',
  Fighting: 'brickbreak', Poison: 'sludgebomb', Ground: 'earthquake',
  Flying: 'drillpeck', Psychic: 'psychic', Bug: 'signalbeam',
  Rock: 'rockslide', Ghost: 'shadowball', Dragon: 'dragonclaw',
  Dark: 'crunch', Steel: 'meteormash',
};

/** Steps of a bar, at least one for who has not fainted. */
function bar(pokemon) {
  const steps = Math.floor(pokemon.hp * BAR / pokemon.maxhp);
  return pokemon.hp ? Math.max(1, steps) : 0;
}

/** Hit points and stats with average effort values and a neutral nature. */
function average(species, level, iv) {
  const points = KEYS.map((x) => Math.floor(
    (2 * species.baseStats[x] + iv + Math.floor(TRAINED / 4)) * level / 100));
  const most = species.maxHP || points[0] + level + 10;
  return [most, ...points.slice(1).map((x) => x + 5)];
}

/** The sheet of the foe's Pokemon as a player would write it. */
function seen(pokemon) {
  const {species, level} = pokemon;
  const [most, ...stats] = average(species, level, pokemon.set.ivs.hp);
  const abilities = Object.values(species.abilities);
  const ability = abilities.length === 1 ?
    abilities[0].toLowerCase().replace(/[^a-z]/g, '') : '';
  return {
    ...sheet(pokemon), stats, ability, item: '', most, hidden: null,
    hp: Math.max(1, Math.floor(most * bar(pokemon) / BAR)),
  };
}

/** The foe's attacks: those it used, and usual ones of its types. */
function attacks(dex, pokemon) {
  const slots = pokemon.baseMoveSlots;
  const known = slots.filter((x) => x.pp < x.maxpp)
    .map((x) => dex.moves.get(x.id)).filter((x) => x.category !== 'Status');
  const types = known.map((x) => x.type);
  const more = pokemon.getTypes().filter((x) => TYPICAL[x] && !types.includes(x));
  return [...known, ...more.map((x) => dex.moves.get(TYPICAL[x]))];
}

/** Speed with boosts and paralysis. */
function speed(one) {
  const stage = one.boosts[4];
  const factor = stage < 0 ? 2 / (2 - stage) : (2 + stage) / 2;
  return one.stats[4] * factor * (one.status === 'par' ? 0.25 : 1);
}

/**
 * For each of the own team: the share of the foe's hit points that each of its
 * moves takes on average, four or fewer; the share of its own that the foe's
 * best attack takes; and whether it is faster.
 */
function estimates(dex, mons, foe) {
  const other = seen(foe), threats = attacks(dex, foe);
  const share = (move, user, target) =>
    damage(dex, move, user, target) * accuracy(move, user, target) / target.hp;
  return mons.map((pokemon) => {
    if (!pokemon.hp) return null;
    const me = sheet(pokemon);
    const taken = threats.map((move) => share(move, other, me));
    return [
      pokemon.moveSlots.map((x) => share(dex.moves.get(x.id), me, other)),
      Math.max(0, ...taken),
      speed(me) > speed(other) ? 1 : 0,
    ];
  });
}

module.exports = {bar, estimates};
