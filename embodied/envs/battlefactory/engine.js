'use strict';
// Battles on the engine's own objects, for one parent process.
//
//   node engine.js FOLDER   where FOLDER/node_modules has @pkmn/sim
//
// One JSON request per line on stdin, one JSON answer per line on stdout. When
// stdin closes, because the parent has closed it or died, the process ends.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const sim = require(path.join(process.argv[2], 'node_modules', '@pkmn', 'sim'));
const lookups = require('./lookups.js');
const {accuracy, damage} = require('./damage.js');
const {effects} = require('./effects.js');
const {PLAYERS, decide} = require('./players.js');
const {view} = require('./view.js');
const {kind, options} = require('./choices.js');

const FORMAT = 'gen3customgame';
const format = sim.Dex.formats.get(FORMAT);
// Without notes for developers, and with bars of 48 steps as in the game.
format.debug = false;
format.ruleset = format.ruleset.filter((x) => x !== 'HP Percentage Mod');
const dex = sim.Dex.forFormat(format);
if (process.argv[3] !== 'stock') lookups.install(sim, dex, format);
// Requests are read from the objects, so nobody needs a copy of the team.
sim.Side.prototype.getRequestData = () => ({});

/** Small random numbers for the players, apart from the engine's. */
class Draws {
  constructor(state) {
    this.state = state >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit) {
    // Marsaglia's xorshift of 32 bits (2003), from a state that is never 0.
    let x = this.state || 0x9e3779b9;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return Math.floor(this.state / 2 ** 32 * limit);
  }
}

const battles = new Map();

/** Points of power of the game's rental Pokemon, which nothing has raised. */
function plainPoints(battle) {
  for (const side of battle.sides) {
    for (const pokemon of side.pokemon) {
      for (const slot of pokemon.baseMoveSlots) {
        slot.pp = slot.maxpp = dex.moves.get(slot.id).pp;
      }
    }
  }
}

/** A battle of two teams; `seed` has four whole numbers below 2^16. */
function begin({seed, teams, draws, cap}) {
  const battle = new sim.Battle({formatid: FORMAT, seed});
  teams.forEach((sets, i) => {
    const placed = sets.map((set, place) => ({...set, place}));
    battle.setPlayer(`p${i + 1}`, {name: `p${i + 1}`, team: placed});
  });
  return {battle, rng: new Draws(draws), cap, seen: 0};
}

const open = (record) => !record.battle.ended && record.battle.turn <= record.cap;

/** Chooses for one side; the engine accepts every option by construction. */
function act(record, index, action) {
  const text = options(record.battle.sides[index])[action];
  if (!text || !record.battle.choose(`p${index + 1}`, text)) {
    throw new Error(`Side ${index} cannot take the action ${action}`);
  }
}

/** Lets the foe choose alone, until the player has to act or it is over. */
function settle(record) {
  const [mine, theirs] = record.battle.sides;
  while (open(record) && !kind(mine)) {
    act(record, 1, decide(record.foe, dex, theirs, record.rng));
  }
}

const get = (id) => {
  const record = battles.get(id);
  if (!record) throw new Error(`There is no battle ${id}`);
  return record;
};

/** The log without the time of day. */
const log = (battle) => battle.log.filter((x) => !x.startsWith('|t:|'));

const show = (record) => view(record, open(record));

const OPERATIONS = {
  hello: () => ({version: sim.Dex.version, players: Object.keys(PLAYERS)}),

  /** A new battle in which the player `foe` holds the second side. */
  start(request) {
    const record = begin(request);
    plainPoints(record.battle);
    record.foe = request.foe;
    battles.set(request.battle, record);
    settle(record);
    return show(record);
  },

  /** Both sides act; `reply` is the foe's action, if not its player's own. */
  step({battle, action, reply}) {
    const record = get(battle);
    const theirs = record.battle.sides[1];
    // The foe does not see what it is up against.
    const answer = !kind(theirs) ? null :
      reply ?? decide(record.foe, dex, theirs, record.rng);
    act(record, 0, action);
    if (answer !== null) act(record, 1, answer);
    settle(record);
    return show(record);
  },

  /** What the player `player` would do for the first side. */
  advise: ({battle, player}) => {
    const record = get(battle);
    return {action: decide(player, dex, record.battle.sides[0], record.rng)};
  },

  /** A whole battle between two players. */
  play(request) {
    const record = begin(request);
    const {battle} = record;
    plainPoints(battle);
    let steps = 0;
    while (open(record)) {
      const acting = battle.sides.filter((x) => kind(x));
      const chosen = acting.map((x) =>
        [x.n, decide(request.players[x.n], dex, x, record.rng)]);
      for (const [n, action] of chosen) act(record, n, action);
      steps++;
    }
    return {
      winner: battle.winner || '', turns: battle.turn, steps,
      digest: crypto.createHash('md5').update(log(battle).join('\n')).digest('hex'),
    };
  },

  /** Expected damage and accuracy of each user's moves on each target. */
  estimate: ({users, targets}) => ({
    table: users.map((user) => targets.map((target) => user.moves.map((id) => {
      const move = dex.moves.get(id);
      return [damage(dex, move, user, target), accuracy(move, user, target)];
    }))),
  }),

  /** What each move does beside damage. */
  effects: () => ({table: effects(dex)}),

  save({battle}) {
    const record = get(battle);
    const {rng, cap, seen, foe} = record;
    return {state: JSON.stringify(record.battle.toJSON()),
      rest: {draws: rng.state, cap, seen, foe}};
  },

  load({battle, state, rest}) {
    const record = {...rest, rng: new Draws(rest.draws)};
    record.battle = sim.Battle.fromJSON(state);
    battles.set(battle, record);
    return {};
  },

  copy({battle, to}) {
    return OPERATIONS.load({battle: to, ...OPERATIONS.save({battle})});
  },

  /** Other random numbers from here on. */
  reseed({battle, seed, draws}) {
    const record = get(battle);
    record.battle.resetRNG(seed.join(','));
    record.rng = new Draws(draws);
    return {};
  },

  log: ({battle}) => ({log: log(get(battle).battle)}),

  drop({ids}) {
    for (const id of ids) battles.delete(id);
    return {};
  },
};

function answer(line) {
  try {
    const request = JSON.parse(line);
    return OPERATIONS[request.op](request);
  } catch (error) {
    return {error: String(error.stack || error)};
  }
}

/** Writes at once; the parent reads every answer before it asks again. */
function send(text) {
  let bytes = Buffer.from(text);
  try {
    while (bytes.length) bytes = bytes.subarray(fs.writeSync(1, bytes));
  } catch {
    process.exit(0); // the parent is gone
  }
}

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  for (const line of lines) send(JSON.stringify(answer(line)) + '\n');
});
process.stdin.on('end', () => process.exit(0));
