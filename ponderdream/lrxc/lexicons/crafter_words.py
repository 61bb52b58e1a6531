"""What players call the things, deeds and ends of Crafter.

Each row is a thing, a way of doing, or the verb of a goal, and the phrases for
it.
"""

NOUNS = {
  'wood': """
    wood | woods | log | logs | lumber | tree | trees | timber | trunk |
    trunks | planks | oak | firewood | wooden logs
  """,
  'stone': """
    stone | stones | rock | rocks | cobble | cobblestone | grey stuff |
    boulder | boulders | grey blocks | gray blocks | stone blocks |
    stone block | cobbles | pebbles | pebble
  """,
  'coal': """
    coal | coals | coal ore | black dots | lump of coal | coal lump |
    charcoal | black stuff | black rock
  """,
  'iron': """
    iron | irons | iron ore | orange bits | iron chunk | iron nugget |
    orange dots | iron vein | metal | ore
  """,
  'diamond': """
    diamond | diamonds | gem | gems | white gem | white thing | shiny gem |
    white diamond | jewel | jewels | precious stone | treasure | bling
  """,
  'sapling': """
    sapling | saplings | seed | seeds | seedling | baby tree | young plant |
    seedlings | little plant
  """,
  'grass': """
    grass | grass tile | grass tiles | the lawn | lawn | meadow
  """,
  'water': """
    water | lake | pond | lakes | something to drink | river | stream | ocean |
    sea | puddle | shore | waters | drinks | fresh water | water source
  """,
  'food': """
    food | meat | beef | something to eat | snack | lunch | dinner |
    breakfast | grub | meal | burger | steaks | supper | a bite | bite to eat |
    a bite to eat | a snack | protein
  """,
  'cow': """
    cow | cows | cattle | bovine | moo cow | livestock
  """,
  'plant': """
    the plant | a plant | my plant | our plant | that plant | plants | crop |
    crops | the crop | farm | garden | something i planted | ripe plant |
    this plant | fruit | the fruit | veg | vegetable | grown plant |
    ripe fruit | the sprout | my crop | our crop
  """,
  'fence': """
    fence | fences | fencing
  """,
  'bridge': """
    bridge
  """,
  'table': """
    table | tables | crafting table | workbench | work bench | bench |
    crafting bench | craft table | work table | worktable | crafting station |
    workstation | the bench
  """,
  'furnace': """
    furnace | furnaces | oven | smelter | kiln | stove | smelting furnace |
    forge
  """,
  'zombie': """
    zombie | zombies | undead | green guy | green guys | green fellow |
    green man | green monster | zed | zombie guy | walker
  """,
  'skeleton': """
    skeleton | skeletons | archer | archers | skelly | skellies | bony guy |
    bones | bone guy | skellie | skele
  """,
  'shelter': """
    shelter | bunker | hideout | base | house | hut | little house |
    wall around me | walls around me | safe spot | little room | cover | roof |
    roof over my head | safe place | safe room | hidey hole | hiding place |
    little box | fort | camp | place to hide | somewhere safe | cubby |
    safe house | safe little room | room | walls | wall | place to sleep
  """,
  'night': """
    night | first night | the night
  """,
  'tools': """
    tool | tools | stone tools | iron tools | wooden tools | wood tools
  """,
  'everything': """
    everything | all achievements | all the achievements | every achievement |
    all twenty two achievements | all 22 achievements |
    every single achievement | every achievement there is | it all |
    the full set | all of the achievements | as many achievements as i can |
    as many achievements as possible | achievements | as many as possible
  """,
  'pickaxe': """
    pickaxe | pickaxes | pick | pick axe | pickax
  """,
  'sword': """
    sword | swords | blade
  """,
  'day': """
    day | daylight | morning light | sunrise | dawn | the day | daytime | sun |
    light | the sun | the morning | the dark to pass | the night to end |
    the night to pass | the night to be over | darkness to pass |
    until morning | till morning | until it is light | till daylight |
    until daylight
  """,
}

VERBS = {
  'get': """
    get | getting | grab | grabbing | collect | collecting | gather |
    gathering | find | finding | found | fetch | fetching | pick up |
    picking up | take | look for | looking for | looking around for |
    search for | searching for | searching around for | hunt for |
    hunting for | go for | going for | going straight for | straight for |
    stock up on | stocking up on | fill up on | reach | see if there is |
    see if there's | where's the | where's a | where is the | where are the |
    where's | get our hands on | get my hands on | get hold of | scoop up |
    come by | obtain | acquire | bag | till i see | until i see |
    keep an eye out for | harvest | harvesting | find us some | snag | gimme |
    give me | hunt down | track down | tracking down | stock up | top up on |
    load up on | loading up on | hoard | pocket | round up | nab | nabbing |
    pluck | lay hands on | retrieve | procure | chase after | scavenge |
    scavenging | scrounge | scrounge up | hauling | haul | fetch me |
    pick me up | pick up some | picking | swipe | rustle up | dig up some |
    farm some | farm | farming | go find | go get | go grab | go and get |
    go and find | go and grab | go collect | go hunting for | go looking for |
    wheres | locating | locate | seek | seeking | seek out | looking out for |
    stockpile | stockpiling | claim | top up | refill | where on earth is |
    where in the world is | where the heck is | where the hell is |
    where oh where is | where could | see if there are | see if i can find |
    see if we can find | where might | see whether there is | is there any |
    is there some | are there any | any sign of
  """,
  'mine': """
    mine | mining | dig | digging | dig out | digging out | chop | chopping |
    chop down | cut | cutting | cut down | break | breaking | knock down |
    punch | punching | tap | smack | smacking | whack | whacking | dig up |
    hack | hacking | hack away at | hew | fell | felling | quarry | excavate |
    excavating | crack open | swing at | swinging at | bash | bashing |
    mine out | mining out | mine up | cut into | chip away at | break down |
    breaking down | lumberjack | lumberjacking | axe down | cut up | chop up |
    break up | pound
  """,
  'hit': """
    hit | hitting
  """,
  'make': """
    make | making | craft | crafting | build | building | create | creating |
    forge | forging | upgrade to | do | assemble | put together | get myself |
    whip up | knock together | knock up | fashion | fashioning | smith |
    hammer out | cook up | get crafting | piece together | cobble together |
    produce | manufacture | construct | constructing | upgrade | upgrading to |
    work on a | work on the | turn it into | turn this into | turn that into |
    crank out | bang out | rig up | throw together | throwing together |
    set about making
  """,
  'place': """
    place | placing | put | putting | put down | putting down | set down |
    set up | setting up | drop | dropping | plop | lay down | throw down |
    slap down | pop down | stick | set | lay | laying | install | installing |
    plonk | plonking | plonk down | popping | pop | plop down | plopping |
    get down | position | slam down | chuck down | chuck | whack down |
    fit in | erect | erecting | deploy | block off with | lay out
  """,
  'plant': """
    plant | planting | sow | sowing | put in the ground | stick in the ground
  """,
  'grow': """
    grow | growing
  """,
  'eat': """
    eat | eating | munch | snack on | munching | kill and eat | chow down |
    chow down on | grab a bite | have a bite | have lunch | have dinner |
    feed | feed myself | fill my belly | fill my stomach | devour | devouring |
    hungry | starving | getting hungry | i am hungry | i'm hungry |
    i'm starving | need food | munch on | feast on | scoff | consume |
    wolf down | have some food | stomach is rumbling | tummy is rumbling |
    stomach is growling | eat something | food is low | food is getting low |
    low on food | having lunch | grabbing a bite | having a bite |
    having dinner | chowing down
  """,
  'drink': """
    drink | drinking | have a drink | get a drink | grab a drink |
    take a drink | get some drink | quench my thirst | sip | take a sip |
    hydrate | gulp | gulp down | have some water | rehydrate | swig |
    take a swig | thirsty | getting thirsty | so thirsty | parched |
    dying of thirst | need a drink | need water | drink up | drink some |
    slurp | have a sip | drink something | quench my | water is low |
    drink is low | low on water | dehydrated | throat is dry | hydration |
    get hydrated | having a drink | getting a drink | taking a drink |
    grabbing a drink | having some water | get a sip
  """,
  'kill': """
    kill | killing | fight | fighting | defeat | defeating | beat | beating |
    slay | slaying | attack | attacking | take out | taking out |
    take care of | deal with | dealing with | hunt | hunting | get rid of |
    finish off | take down | fight off | hit back | smash | bash | take on |
    taking on | battle | battling | duel | smack down | dispatch |
    put down for good | clear out | wipe out | go after | take him out |
    take it out | take him on | take it on | take that thing out | have at |
    whale on | fend off | fending off | defend against | defend myself |
    defend myself from | defending against | swing my sword at |
    get this zombie | get that zombie | sort out | destroy | destroying |
    eliminate | murder | knock out | face | fight back | deal with this |
    teach him a lesson | lay into | punch up | chop down the zombie | stab |
    stabbing
  """,
  'sleep': """
    sleep | sleeping | go to sleep | go to bed | going to bed | take a nap |
    nap | get some sleep | get some shuteye | catch some sleep | nighty |
    good night | lie down | fall asleep | head to bed | hit the hay |
    somewhere to sleep | crash | hit the sack | turn in | snooze | snoozing |
    catch some z's | catch some zs | forty winks | call it a night | doze |
    doze off | shut eye | some shut eye | shuteye | get my head down | sleepy |
    exhausted | tired | so tired | knackered | have a nap | have a sleep |
    have a lie down | get some kip | kip | bedtime | nap time | go to bed now |
    sleep through | energy is low | low on energy | sleep it off | recharge |
    slumber | hit the pillow | taking a nap | having a nap |
    getting some sleep | going to sleep | lying down
  """,
  'flee': """
    run away | running away | get away from | flee | fleeing | escape |
    escaping | get out of here | out of here | back off | get back | run from |
    running from | get away | leg it | legging it | run for it |
    run for my life | running for my life | get the hell out | bail out |
    retreat | retreating | back away | backing away | scram | peg it |
    get clear of | clear off | dodge | avoid | avoiding | shake off | outrun |
    get out of here now
  """,
  'shelter': """
    box myself in | box me in | box in | wall myself in | wall me in |
    wall in | wall off | block myself in | dig in | dig into | dig myself in |
    close myself in | shut myself in | hide | close the hole | seal myself in |
    barricade | hole up | holing up | bunker down | bunker up | make camp |
    hunker down | board myself up | build some walls | brick myself in |
    box ourselves in | wall ourselves in | close ourselves in |
    dig ourselves in | seal us in | seal me in | close it up | seal it up |
    burrow | burrow in | burrow into | dig a hole | dig a little hole |
    dig a hidey hole | dig a shelter | put walls around me | wall up |
    enclose myself | take shelter | take cover | get inside
  """,
  'fence': """
    fence it in | fence off | fence | protect | protecting |
    put a fence around | put fences around | surround | surrounding |
    wall off the | secure the | guard | close off the | fencing in |
    fencing off | fencing | protect it | make it safe | shield |
    put stones around | build a fence around | place stones around | enclose
  """,
  'wall': """
    blocking the tunnel | block the tunnel | block it off | block | blocking |
    block off | blocking off | plug | plugging | stop the arrows |
    block the arrows | block their arrows | block his arrows | shut out |
    block this | block that | block it | build a wall | put up a wall |
    put up walls
  """,
  'go': """
    let's go to | let's go back to | let's go over to |
    go to | go back to | head to | head over to | head back to | walk to |
    walk over to | walk back to | walking to | walking over to |
    walking back to | return to | run back to | run to | heading to |
    heading over to | heading back to | back to the | back to my |
    back to our | go over to | way back to | run back | going to the |
    move to | move over to | moving to | make my way to | make our way to |
    making my way to | making our way to | head for | heading for |
    heading towards | walk towards | walking towards | go towards |
    going towards | wander over to | stroll over to | march over to |
    approach | approaching | get over to | getting over to | travel to |
    run over to | running over to | running to | dash to | trek to |
    sprint to | go over towards | off to the | back at the | get back to the |
    get to the | getting to the | make it back to | hop over to | nip over to |
    walk up to | walking up to | go up to | closing in on | move towards |
    moving towards | navigate to
  """,
  'survive': """
    survive | surviving | make it through | get through | stay alive |
    stay alive and | not die | live through | make it to morning |
    last the night | keep myself alive
  """,
  'unlock': """
    unlock | unlocking | complete | tick off | check off | knock off |
    get through all
  """,
  'explore': """
    explore | exploring | look around | looking around | scout | scouting |
    scout around | wander | wandering | wander around | wandering around |
    have a look around | see what's out there | check out the area |
    check out this area | take a look around | roam | roaming |
    search the area | poke around | see what's around
  """,
  'rest': """
    rest | resting | recover | recovering | heal | healing | heal up |
    regain health | regenerate | catch my breath | get my health back |
    get some health back | lick my wounds | have a rest | take a rest |
    taking a rest | get some rest | getting some rest | rest up | rest a bit |
    recuperate | patch myself up | take a breather | wounded | badly hurt |
    low on health | health is low | sit still for a bit | get my hearts back |
    get healthy | i'm hurt | i am hurt | i got hurt | pretty hurt
  """,
  'wait': """
    wait | waiting | wait for | waiting for | wait out | waiting out |
    wait until | waiting until | sit out | sitting out | sit tight | stay put |
    stay inside | stay in here | hang tight | stay here | wait it out |
    sit it out | lie low | stay in | hold out
  """,
}
# What has happened when a verb of the past is said.
PAST = {
  'get': """
    collected | gathered | grabbed | picked up | snagged | nabbed |
    scooped up | fetched | harvested | bagged | obtained | pocketed |
    retrieved | acquired the | acquired a
  """,
  'mine': """
    mined | dug | chopped | broke | broken | smashed | knocked down |
    cut down | chopped down | dug up | dug out | felled
  """,
  'make': """
    made | crafted | built | forged | fashioned | whipped up | constructed |
    assembled | built us | knocked together
  """,
  'place': """
    placed | laid | installed | laid down | plonked down | plopped down |
    popped down
  """,
  'plant': """
    planted | sowed | sown
  """,
  'eat': """
    ate | eaten | devoured | munched | had lunch | had dinner | scoffed
  """,
  'drink': """
    drank | drunk | gulped | had a drink | rehydrated
  """,
  'kill': """
    killed | defeated | slain | beaten | slew | took out | took down |
    finished off | took care of | destroyed | dispatched | wiped out |
    murdered | fought off | dealt with | got rid of | eliminated | bested
  """,
  'sleep': """
    slept | woke up | slept through | napped | slept well
  """,
  'survive': """
    survived
  """,
  'flee': """
    got away from | ran away | escaped from | outran
  """,
  'explore': """
    explored
  """,
  'rest': """
    rested
  """,
}

SIGNS = {
  'eat': """
    tasty | yum | yummy | mmm | nom | delicious | steak | that hits the spot |
    not hungry anymore | no longer hungry | stomach full | full belly |
    belly full | food is full | fed | that was tasty | that was delicious |
    back to full food | all fed | hunger sorted | that filled me up |
    much better
  """,
  'drink': """
    refreshing | refreshed | topped up | aah | ahh | gulp gulp |
    no longer thirsty | thirst quenched | hydrated | all hydrated |
    water is full | drink is full | thirst sorted | not thirsty anymore |
    that was refreshing | that's better | ahhh | all full
  """,
  'sleep': """
    morning | good morning | awake | woke up | wakey wakey | rise and shine |
    up again | sun is up | sun's up | the sun is up | new day | a new day |
    energy is full | well rested | fully rested | all rested | woken up |
    wakes up | i'm up | we're up | slept well | back to full energy
  """,
  'defeat': """
    dead | he's down | he's dead | it's dead | got him | killed it |
    killed him | one down | got rid of him | take that | he's gone |
    down he goes | down it goes | got that zombie | one less zombie |
    one less | bye bye zombie | down for good | is dead | was dead | and dead |
    killed | took him down | took it down | zombie down | zombie dead |
    skeleton down | skeleton dead | finished him | finished it off |
    he's toast | rest in pieces | sorted him out | defeated
  """,
  'build': """
    walled in | boxed in | snug | sealed in | all closed up | safe and sound |
    safe and snug | all sealed up | sealed up | enclosed | cosy | cozy |
    nice and safe | safe in here | home sweet home | closed in | all boxed in |
    all walled in | shelter is up | shelter's up | shelter is done |
    walled up | closed off
  """,
  'flee': """
    lost him | lost them | got away | escaped | shook him off |
    he's gone away | out of danger
  """,
  'rest': """
    back to full health | full health | health is full | all healed |
    healed up | healed | patched up | fully healed | recovered | good as new
  """,
  'wait': """
    it is day again | day again | it is light again | light again |
    it is morning | the sun is back | night is over | the night is over |
    made it through the night | finally day | finally morning
  """,
  'fence': """
    fenced in | fenced off | fenced | plant is safe | all fenced in |
    fence is done | fence is up | protected | all protected
  """,
}
