"""The words of the Battle Factory: win the round by winning its battles.

Goals are those that the scripted expert says.
"""

from ponderdream.lrxc.lexicons.lexicon import Goal, Lexicon, phrases

SPECIES = """
  bulbasaur ivysaur venusaur charmander charmeleon charizard squirtle
  wartortle blastoise caterpie metapod butterfree weedle kakuna beedrill
  pidgey pidgeotto pidgeot rattata raticate spearow fearow ekans arbok
  pikachu raichu sandshrew sandslash nidoranf nidorina nidoqueen nidoranm
  nidorino nidoking clefairy clefable vulpix ninetales jigglypuff wigglytuff
  zubat golbat oddish gloom vileplume paras parasect venonat venomoth diglett
  dugtrio meowth persian psyduck golduck mankey primeape growlithe arcanine
  poliwag poliwhirl poliwrath abra kadabra alakazam machop machoke machamp
  bellsprout weepinbell victreebel tentacool tentacruel geodude graveler
  golem ponyta rapidash slowpoke slowbro magnemite magneton farfetchd doduo
  dodrio seel dewgong grimer muk shellder cloyster gastly haunter gengar onix
  drowzee hypno krabby kingler voltorb electrode exeggcute exeggutor cubone
  marowak hitmonlee hitmonchan lickitung koffing weezing rhyhorn rhydon
  chansey tangela kangaskhan horsea seadra goldeen seaking staryu starmie
  mrmime scyther jynx electabuzz magmar pinsir tauros magikarp gyarados
  lapras ditto eevee vaporeon jolteon flareon porygon omanyte omastar kabuto
  kabutops aerodactyl snorlax articuno zapdos moltres dratini dragonair
  dragonite mewtwo mew chikorita bayleef meganium cyndaquil quilava
  typhlosion totodile croconaw feraligatr sentret furret hoothoot noctowl
  ledyba ledian spinarak ariados crobat chinchou lanturn pichu cleffa
  igglybuff togepi togetic natu xatu mareep flaaffy ampharos bellossom marill
  azumarill sudowoodo politoed hoppip skiploom jumpluff aipom sunkern
  sunflora yanma wooper quagsire espeon umbreon murkrow slowking misdreavus
  unown wobbuffet girafarig pineco forretress dunsparce gligar steelix
  snubbull granbull qwilfish scizor shuckle heracross sneasel teddiursa
  ursaring slugma magcargo swinub piloswine corsola remoraid octillery
  delibird mantine skarmory houndour houndoom kingdra phanpy donphan porygon2
  stantler smeargle tyrogue hitmontop smoochum elekid magby miltank blissey
  raikou entei suicune larvitar pupitar tyranitar lugia hooh celebi treecko
  grovyle sceptile torchic combusken blaziken mudkip marshtomp swampert
  poochyena mightyena zigzagoon linoone wurmple silcoon beautifly cascoon
  dustox lotad lombre ludicolo seedot nuzleaf shiftry taillow swellow wingull
  pelipper ralts kirlia gardevoir surskit masquerain shroomish breloom
  slakoth vigoroth slaking nincada ninjask shedinja whismur loudred exploud
  makuhita hariyama azurill nosepass skitty delcatty sableye mawile aron
  lairon aggron meditite medicham electrike manectric plusle minun volbeat
  illumise roselia gulpin swalot carvanha sharpedo wailmer wailord numel
  camerupt torkoal spoink grumpig spinda trapinch vibrava flygon cacnea
  cacturne swablu altaria zangoose seviper lunatone solrock barboach whiscash
  corphish crawdaunt baltoy claydol lileep cradily anorith armaldo feebas
  milotic castform kecleon shuppet banette duskull dusclops tropius chimecho
  absol wynaut snorunt glalie spheal sealeo walrein clamperl huntail gorebyss
  relicanth luvdisc bagon shelgon salamence beldum metang metagross regirock
  regice registeel latias latios kyogre groudon rayquaza jirachi deoxys
""".split()
SPOKEN = {
  'nidoranf': 'female nidoran',
  'nidoranm': 'male nidoran',
  'mrmime': 'mr mime',
  'hooh': 'ho oh',
  'porygon2': 'porygon two',
}

NOUNS = {
  'round': 'round | the round | this round | set of seven | streak',
  'battle': 'battle | battles | fight | match | this one | next one',
  'team': 'team | a team | my team | our team | my three | three of them',
  'weakness': """
    weakness | weak spot | weak point | fourfold weakness | weaknesses |
    super effective hit
  """,
  'foe': 'opponent | the foe | their pokemon | enemy | other guy',
}
VERBS = {
  'win': 'win | winning | take home',
  'knock_out': """
    knock out | knocking out | take out | taking out | beat | beating |
    get rid of | kill | killing | defeat | ko | faint | take down | bring down
  """,
  'bring_in': """
    bring in | bringing in | switch to | switching to | send in | send out |
    sending in | go into | swap in | switch in | switch into
  """,
  'take': 'take | taking | pick | picking | rent | choose | choosing | grab',
  'draft': 'draft | drafting | build | put together',
  'hit': 'hit | hitting | go for | exploit | target',
  'swap': 'swap for | trade for | swapping for | trade it for',
  'lull': 'put it to sleep | sleep it | make it sleep | put to sleep',
  'paralyse': 'paralyse | paralyze | paralyse it | paralyze it | slow it down',
  'poison': 'poison | poison it | toxic it',
  'burn': 'burn it | give it a burn',
  'seed': 'drain it | seed it',
  'confuse': 'confuse | confuse it | make it hit itself',
  'strengthen': """
    get stronger | set up | setting up | boost | boost up | power up
  """,
  'recover': 'recover | heal | heal up | get health back | healing up',
  'wear_down': 'wear it down | wear down | chip away at | chip it',
  'finish': 'finish it | finish off | finish it off | end it',
}
PAST = {
  'win': 'won | we won | i won',
  'knock_out': 'knocked out | took out | beaten | defeated | killed',
  'take': 'took | picked | chose',
  'bring_in': 'brought in | switched to | sent in',
}
SIGNS = {
  'knock_out': 'it is down | down it goes | it fainted | and it faints',
  'win': 'we won | that is the battle | that is the round',
}
ROOT = Goal('win', 'round')
BATTLE = Goal('win', 'battle')
DRAFT = Goal('draft', 'team')
ALONE = ('lull', 'paralyse', 'poison', 'burn', 'seed', 'confuse',
         'strengthen', 'recover', 'wear_down', 'finish')  # fmt: skip


def _goals() -> dict[tuple[str, str], Goal]:
  goals = {
    ('win', 'round'): ROOT,
    ('win', 'battle'): BATTLE,
    ('knock_out', 'foe'): BATTLE,
    ('win', ''): BATTLE,
    ('hit', 'weakness'): Goal('hit', 'weakness'),
  }
  for way in ('draft', 'take'):
    goals[way, 'team'] = DRAFT
  goals |= {(x, ''): Goal(x) for x in ALONE}
  for name in SPECIES:
    for way in ('knock_out', 'bring_in', 'take', 'swap'):
      goals[way, name] = Goal(way, name)
    goals['hit', name] = goals['wear_down', name] = Goal('knock_out', name)
    goals['finish', name] = Goal('knock_out', name)
  return goals


BATTLEFACTORY = Lexicon(
  'battlefactory',
  root=ROOT,
  nouns=phrases(NOUNS)
  | {x: x for x in SPECIES}
  | {text: name for name, text in SPOKEN.items()},
  verbs=phrases(VERBS),
  past=phrases(PAST),
  goals=_goals(),
  usual={
    **{x: Goal('knock_out', x) for x in SPECIES},
    'round': ROOT,
    'battle': BATTLE,
    'team': DRAFT,
    'weakness': Goal('hit', 'weakness'),
  },
  needs={ROOT: (DRAFT, BATTLE)},
  purposes={
    BATTLE: ROOT,
    **{Goal('knock_out', x): BATTLE for x in SPECIES},
    **{Goal('bring_in', x): BATTLE for x in SPECIES},
    **{Goal('take', x): DRAFT for x in SPECIES},
  },
  amounts={BATTLE: 7},
  urgent=frozenset({'recover'}),
  dangers=frozenset(),
  signs=phrases(SIGNS),
  kinds={},
)
