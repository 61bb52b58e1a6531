'use strict';
// What moves do beside damage, as a few numbers from -1 to 1 for each move.

const STATUSES = [['slp'], ['par'], ['psn', 'tox'], ['brn'], ['frz']];
const VOLATILES = ['confusion', 'flinch', 'leechseed', 'substitute', 'attract'];
const STATS = ['atk', 'def', 'spa', 'spd', 'spe'];
const OTHERS = ['accuracy', 'evasion'];
const SCREENS = ['reflect', 'lightscreen', 'safeguard', 'mist'];
// Moves that raise stats, or heal, by code of their own.
const CODED = {curse: {atk: 1, def: 1, spe: -1}, bellydrum: {atk: 6}};
const HEALING = ['rest', 'wish', 'moonlight', 'morningsun', 'synthesis', 'swallow'];

/** What a move may do to its target, with the chance of each. */
function chances(move) {
  const more = move.secondaries || [];
  const self = move.target === 'self';
  const sure = {chance: 100, status: move.status,
    volatileStatus: move.volatileStatus, boosts: self ? null : move.boosts};
  return [sure, ...more].map((x) => ({...x, chance: (x.chance || 100) / 100}));
}

/** Stages that a move adds to its user's stats on average. */
function gained(move, stat) {
  const self = move.target === 'self' ? move.boosts : null;
  const sure = self || move.self?.boosts || move.selfBoost?.boosts || CODED[move.id];
  const later = (move.secondaries || []).find((x) => x.self?.boosts);
  const maybe = later ? later.self.boosts[stat] * later.chance / 100 : 0;
  return (sure?.[stat] || 0) + (maybe || 0);
}

/** The numbers of a move, always as many. */
function numbers(move) {
  const all = chances(move);
  const chance = (good) => all.reduce((x, y) => good(y) ? x + y.chance : x, 0);
  const lost = (stats) => all.reduce((x, y) => x + stats.reduce(
    (sum, stat) => sum + Math.min(0, y.boosts?.[stat] || 0) * y.chance / 2, 0), 0);
  const heals = move.heal ? move.heal[0] / move.heal[1] :
    HEALING.includes(move.id) ? 0.5 : 0;
  const share = (x) => x ? x[0] / x[1] : 0;
  return [
    ...STATUSES.map((names) => chance((x) => names.includes(x.status))),
    ...VOLATILES.map((name) => chance((x) => x.volatileStatus === name)),
    ...STATS.map((stat) => Math.min(1, gained(move, stat) / 2)),
    lost(STATS), lost(OTHERS),
    heals, share(move.drain) - share(move.recoil),
    move.selfdestruct ? 1 : 0,
    move.flags.charge || move.flags.recharge ? 1 : 0,
    SCREENS.includes(move.sideCondition) ? 1 : 0,
    move.stallingMove ? 1 : 0,
  ];
}

/** All moves by their names. */
function effects(dex) {
  return Object.fromEntries(dex.moves.all().filter((x) => x.gen <= 3)
    .map((x) => [x.id, numbers(dex.moves.get(x.id))]));
}

module.exports = {effects};
