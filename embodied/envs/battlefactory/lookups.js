'use strict';
// Faster event lookups for the engine, with the same battles.
//
// For every event the engine asks each status, ability, item and condition for
// a callback, under up to six names that it builds anew. Most of these names
// belong to no effect of the third generation. `install` collects the names
// that do, and skips the search for all others. The log stays the same to the
// last byte, which the tests compare over 150 battles.

// Events of which the engine only asks for the plain name.
const PLAIN = new Set([
  'BeforeTurn', 'Update', 'Weather', 'WeatherChange', 'TerrainChange',
]);

/** The names of all callbacks `on...` that an effect of `dex` has. */
function callbackNames(dex, format) {
  const found = new Set();
  const add = (effect) => {
    for (const key in effect) if (key.startsWith('on')) found.add(key);
  };
  const {Abilities, Items, Moves, Conditions, Pokedex} = dex.data;
  for (const table of [Abilities, Items, Moves, Conditions]) {
    for (const id in table) {
      add(table[id]);
      add(table[id].condition);
      add(dex.conditions.getByID(id));
    }
  }
  for (const id in Pokedex) add(Pokedex[id]);
  add(format);
  for (const rule of dex.formats.getRuleTable(format).keys()) {
    add(dex.formats.get(rule));
  }
  return found;
}

/** Replaces the lookups of `sim.Battle` for battles of this format. */
function install(sim, dex, format) {
  const known = callbackNames(dex, format);
  const proto = sim.Battle.prototype;
  for (const name of ['Pokemon', 'Side', 'Field', 'Battle']) {
    const method = name === 'Battle' ?
      'findBattleEventHandlers' : `find${name}EventHandlers`;
    const stock = proto[method];
    // The last-but-one argument asks for timers too, whatever the name.
    proto[method] = name === 'Battle' ?
      function (callback, key, holder) {
        if (!key && !this.events && !known.has(callback)) return [];
        return stock.call(this, callback, key, holder);
      } :
      function (owner, callback, key, holder) {
        if (!key && !known.has(callback)) return [];
        return stock.call(this, owner, callback, key, holder);
      };
  }
  proto.findEventHandlers = eventHandlers(sim, known);
}

/** Names under which an event is looked up; null where no effect has it. */
function lookups(event, known) {
  const name = (prefix) => {
    const full = `on${prefix}${event}`;
    const wanted = prefix === '' || !PLAIN.has(event);
    return wanted && known.has(full) ? full : null;
  };
  return {
    own: name(''), ally: name('Ally'), any: name('Any'), foe: name('Foe'),
    source: name('Source'),
  };
}

/** The engine's search in its order, for battles of two sides. */
function eventHandlers(sim, known) {
  const cache = new Map();
  return function findEventHandlers(target, event, source) {
    if (Array.isArray(target)) {
      let all = [];
      target.forEach((pokemon, index) => {
        const found = this.findEventHandlers(pokemon, event, source);
        for (const handler of found) {
          handler.target = pokemon;
          handler.index = index;
        }
        all = all.concat(found);
      });
      return all;
    }
    let names = cache.get(event);
    if (!names) cache.set(event, names = lookups(event, known));
    const out = [];
    const search = (pokemon, name) => {
      if (name) out.push(...this.findPokemonEventHandlers(pokemon, name));
    };
    const bubble = target instanceof sim.Side;
    let side = bubble ? target : null;
    if (target instanceof sim.Pokemon) {
      if (target.isActive || source?.isActive) {
        search(target, names.own);
        if (names.ally || names.any) {
          for (const ally of target.alliesAndSelf()) {
            search(ally, names.ally);
            search(ally, names.any);
          }
        }
        if (names.foe || names.any) {
          for (const foe of target.foes()) {
            search(foe, names.foe);
            search(foe, names.any);
          }
        }
        side = target.side;
      }
    }
    if (source) search(source, names.source);
    if (side) {
      for (const other of this.sides) {
        const main = other === side ? names.own : names.foe;
        if (bubble) {
          for (const active of other.active) {
            search(active, main);
            search(active, names.any);
          }
        }
        for (const name of [main, names.any]) {
          if (name) out.push(...this.findSideEventHandlers(other, name));
        }
      }
    }
    if (names.own) {
      out.push(...this.findFieldEventHandlers(this.field, names.own));
      out.push(...this.findBattleEventHandlers(names.own));
    }
    return out;
  };
}

module.exports = {install};
