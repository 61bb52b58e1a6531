'use strict';
// What a side may do, in terms of its team as it stood before the battle.
//
// Actions 0 to 3 are moves by their slot, 4 and 5 switch to the first and the
// second of the other two Pokemon in the order of the team.

/** The Pokemon of a side in the order in which the team was given. */
function team(side) {
  const found = new Array(side.pokemon.length);
  for (const pokemon of side.pokemon) found[pokemon.set.place] = pokemon;
  return found;
}

/** The others, in the order of the team. */
function bench(side) {
  return team(side).filter((x) => x !== side.active[0]);
}

/** Whether a side has to act now: 'move', 'switch', or '' if it waits. */
function kind(side) {
  const request = side.activeRequest;
  if (!request || request.wait) return '';
  return request.forceSwitch ? 'switch' : 'move';
}

/** The texts that the engine takes, by action; null for what is not allowed. */
function options(side) {
  const out = [null, null, null, null, null, null];
  const active = side.active[0];
  const now = kind(side);
  if (now === 'move') moves(side, active, out);
  // Who tries to flee is told that it cannot, and then chooses again, so
  // nothing is given away here.
  const trapped = side.activeRequest.active?.[0].trapped || active.trapped;
  if (now === 'switch' || !trapped) {
    bench(side).forEach((pokemon, i) => {
      if (pokemon.hp) out[4 + i] = `switch ${side.pokemon.indexOf(pokemon) + 1}`;
    });
  }
  return out;
}

function moves(side, active, out) {
  const offered = side.activeRequest.active[0].moves;
  const only = offered.length === 1;
  offered.forEach((move, i) => {
    const slot = active.moveSlots[i];
    const off = move.disabled || (!only && (slot.disabled || slot.pp <= 0));
    if (off) return;
    // A move that has to go on keeps its place; Struggle and rest have none.
    const place = only ?
      Math.max(0, active.moveSlots.findIndex((x) => x.id === move.id)) : i;
    out[place] = `move ${i + 1}`;
  });
}

module.exports = {bench, kind, options, team};
