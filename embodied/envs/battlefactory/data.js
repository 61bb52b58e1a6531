'use strict';
// Writes facts of the third generation to stdout as JSON, once at the setup:
//
//   node data.js FOLDER
//
// Species, moves, items, natures and the type chart are those of the engine;
// `pools` are the random-battle sets that come with it.

const path = require('path');
const load = (name) =>
  require(path.join(process.argv[2], 'node_modules', '@pkmn', name));
const sim = load('sim');
sim.Teams.setGeneratorFactory(load('randoms').TeamGenerators);
const dex = sim.Dex.mod('gen3');
const LAST_SPECIES = 386, LAST_MOVE = 354;
const TYPES = [
  'Normal', 'Fire', 'Water', 'Electric', 'Grass', 'Ice', 'Fighting', 'Poison',
  'Ground', 'Flying', 'Psychic', 'Bug', 'Rock', 'Ghost', 'Dragon', 'Dark',
  'Steel',
];
const FORMS = ['deoxysspeed'];

function species() {
  const out = {};
  for (const x of dex.species.all()) {
    const plain = x.num > 0 && x.num <= LAST_SPECIES && !x.forme;
    if (!plain && !FORMS.includes(x.id)) continue;
    const {hp, atk, def, spa, spd, spe} = x.baseStats;
    out[x.id] = {
      name: x.name, number: x.num, types: x.types,
      base: [hp, atk, def, spa, spd, spe], weight: x.weightkg,
      abilities: Object.values(x.abilities).map(sim.toID),
      // Share of males; null for species without a gender.
      male: x.gender === 'N' ? null : x.gender === 'M' ? 1 :
        x.gender === 'F' ? 0 : x.genderRatio.M,
    };
  }
  return out;
}

function moves() {
  const out = {};
  for (const x of dex.moves.all()) {
    const plain = x.num > 0 && x.num <= LAST_MOVE;
    if (!plain || x.realMove || x.isZ || x.isMax) continue;
    out[x.id] = {
      name: x.name, type: x.type, power: x.basePower, pp: x.pp,
      // 0 where a move cannot miss.
      accuracy: x.accuracy === true ? 0 : x.accuracy,
      priority: x.priority, category: x.category, target: x.target,
    };
  }
  return out;
}

function items() {
  const out = {};
  for (const x of dex.items.all()) {
    if (x.gen <= 3 && !x.isNonstandard) out[x.id] = x.name;
  }
  return out;
}

function chart() {
  const factor = (attack, defend) => !dex.getImmunity(attack, defend) ? 0 :
    2 ** dex.getEffectiveness(attack, defend);
  return TYPES.map((a) => TYPES.map((d) => factor(a, d)));
}

function pools() {
  const all = sim.Teams.getGenerator('gen3randombattle').randomSets;
  const out = {};
  for (const id in all) {
    out[id] = {
      level: all[id].level,
      sets: all[id].sets.map((x) => ({role: x.role, moves: x.movepool})),
    };
  }
  return out;
}

const natures = Object.fromEntries(dex.natures.all().map(
  (x) => [x.id, [x.plus || '', x.minus || '']]));
const abilities = Object.fromEntries(dex.abilities.all()
  .filter((x) => x.gen <= 3 && !x.isNonstandard).map((x) => [x.id, x.name]));
process.stdout.write(JSON.stringify({
  types: TYPES, chart: chart(), species: species(), moves: moves(),
  items: items(), abilities, natures, pools: pools(),
}));
