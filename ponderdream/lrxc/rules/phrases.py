"""Phrases of people who talk while they play, whatever the game.

Each row is a kind of phrase with its meaning, and the phrases of that kind.
Where one is in two rows, the later row counts.
"""

PHRASES = {
  ('start', ''): """
    so | then | and then | but | well | oh | also | , | while | until | till |
    uh | um | hmm | hey | yeah | yes
  """,
  ('start', 'now'): """
    okay | ok | alright | all right | right | anyway | anyways | now |
    this time | so now | right now | and now | okay so | okay now |
    all right so
  """,
  ('start', 'me'): """
    i | we | i'm | we're | i am | we are | i've | we've
  """,
  ('start', 'you'): """
    you | you're
  """,
  ('start', 'they'): """
    he | she | they | it | it's | he's | they're | zombies keep | who | which
  """,
  ('want', ''): """
    need | need to | want | want to | wanna | gotta | got to | have to |
    going to | gonna | let's | lets | let us | let me | i'll | we'll | should |
    must | would like | would like to | i'd like | i'd like to | i'd love |
    i'd love to | we'd like to | would love | would love to | time to |
    time for | try to | trying to | try and | about to | next | next up |
    first | step one | missing | moving on to | on to | off we go to |
    might as well | start by | start with | supposed to | ought to | i say |
    make sure to | all that's left is | we're after | after some |
    on my way to | how about | we can | i can | we've got to | i've got to |
    i got to | we got to | what's missing is | back to | gotta go |
    the plan is to | gonna go | gonna need | gonna have to | need some |
    going to need to | let's go | aiming for | i'd rather |
    gonna go ahead and | going to go ahead and | go ahead and |
    let me see if i can | what we need now is | what i need now is |
    my next target is | next target | next stop | i'd better | we'd better |
    better | had better | i should probably | we should probably |
    i think i'll | i think we'll | i'm thinking of | thinking about |
    let's work on | work on | working on | let's try and | let's try to |
    all i need is | all we need is | in need of | the thing to do is |
    it's time we | it's time i | i feel like | heading off for |
    heading out for | setting out to | hoping to | hoping for | planning to |
    planning on | ready to | now for | on the hunt for | in search of |
    keen to | the idea is to | the idea is | the next thing is | next thing |
    goal number one | first order of business | first up | first things first |
    to start with | top priority is | priority is | got my eye on | could use |
    could do with | i could use some | we could use some | running low on |
    low on | short on | short of | out for | i'm off to | we're off to |
    i'm off for | off for | after a | i'm after | shopping for |
    on the lookout for | what's next | next job | the job now is | the job is |
    job now | now the job | i'm looking to | looking to | i mean to |
    i intend to | intending to | i plan to | we plan to | plan is |
    would be nice to | would be good to | would be nice | it would be good to |
    need me some | need me a | got to get | gotta get | have got to |
    shall we | i shall | we shall | let's see about | how do i get |
    can i get | can we get | let's see if we can | let's see if i can |
    see if i can | see if we can | let's do | let's have | do need |
    i do need | we do need | really need | badly need | desperately need |
    just need | still need | will need | gonna want | going to want |
    i'd want | eager to | it's about time | about time to | concentrate on |
    focus on | focusing on | focus now is | the focus is | onto | over to |
    getting on with | get on with | get going on | start on | starting on |
    starting with | getting started on | get started on | kick off with |
    beginning with | let's begin with | my task is | the task is |
    task now is | the mission is | mission now is | mission is | objective is |
    target is | target now is | next on the list is | next on the list |
    on the list is | on the menu is | up next | coming up next | then it's |
    now it's time for | it's time for | it's time to | now it's time to |
    off to | need a | need an | i have to | we have to | you have to |
    now i have to | now we have to | and i have to | and we have to |
    so i have to | so we have to | the plan | plan is to | whole plan |
    my plan | our plan | next time to
  """,
  ('needs', ''): """
    needs | takes | wants | requires | is made of | costs | needs some |
    needs a | needs an | needs us to have | calls for | demands |
    is crafted from | is made from | is made out of | is built from |
    are made of | will cost | will take | needs at least | is made at |
    can only be made at | can only be made with
  """,
  ('today', ''): """
    today | this time | this time the plan | this episode | this video |
    this run | the goal | my goal | our goal | mission | my mission |
    our mission | the mission | the aim | in this guide | the run where |
    this one | the challenge | main goal | objective | the objective |
    in this episode | in this video | on this run | for this run |
    this stream | in this stream | our mission today | ultimate goal |
    the big goal | big goal | the end goal | end goal | overall goal |
    the overall goal | overall plan | the big plan | big plan | overall aim |
    aim of the game | goal of the game | the whole point | the dream |
    i'm here to | we're here to | all about | grand plan | the grand plan |
    long term goal | long term plan | the main thing | above all
  """,
  ('for', 'to'): """
    in order to | so that | so we can | so i can | so you can |
    so that we can | so that i can | to | if we want | if we want to |
    if i want | if i want to | so i can have | so we can have | so as to |
    with which to | that way we can | that way i can | then we can |
    then i can | and then i can | and then we can | which lets me |
    which lets us | that lets me | that lets us | which means i can |
    which means we can | if we're going to | if i'm going to | if i'm gonna |
    if we're gonna | to be able to | so that i'm able to
  """,
  ('for', 'for'): """
    for | for a | for the | for my | for our | for some | needed for |
    required for | towards | toward | toward the | towards the | on the way to
  """,
  ('for', 'that'): """
    for that | for this | to do that | so to do that | to do this |
    and for that | for which | for that one | for that we | and to do that |
    to get that | to get there | for it | to make that | to make it |
    to make one | to do so
  """,
  ('for', 'before'): """
    before | before we can | before i can | before we | before i | before the |
    before it gets
  """,
  ('for', 'because'): """
    because | cuz | cause | cos | since | seeing as | seeing that |
    given that | reason being | the reason is | otherwise | or else |
    the thing is
  """,
  ('done', 'got'): """
    got | i got | we got | have got | i've got | we've got | there's our |
    there's my | that makes | finally got | finally have | have my |
    i've finally got | we've finally got | that's my | that's our |
    and that's | there's the finished | i managed to get | we managed to get |
    managed to get | managed to | i just got | we just got | just got |
    we've just got | here's our | here's my | got myself | got ourselves |
    got me | got us | that gives us | that gives me | gives us |
    ended up with | now i've got | now we've got
  """,
  ('done', 'have'): """
    have | now have | only have | already have
  """,
  ('done', 'enough'): """
    enough | plenty | that should do it | that should do | that'll do |
    that will do | should be enough | that's enough | all i need |
    that is enough | that's all i need | that's all we need |
    that's enough of that | got enough | have enough | more than enough |
    should be plenty | that's plenty | full stack | that'll be enough |
    that ought to do it | should do | should do it | will do | that'll do it |
    should suffice | suffices
  """,
  ('done', 'sure'): """
    got it | got one | got that | got some | got them | we got it |
    there we go | there you go | done | finished | all done | sorted |
    complete | both done | there it is | there we have it | and there it is |
    here we are | here it is | mission accomplished | made it | i did it |
    we did it | gone | that's that | job done | in the bag | nailed it |
    all set | we're good | and we're good | good to go | done and dusted |
    mission complete | achievement unlocked | we're done here | that's sorted |
    that's done | that's it done | is done | is ready | is up | are done |
    checked off | crossed off | out of the way | that takes care of that |
    got what i need | got what we need | bingo | it's done | they're done |
    acquired | secured | unlocked | completed | accomplished | that worked |
    it worked | worked | made | in hand | obtained | ready | got it done |
    taken care of | task complete | goal reached | reached | pulled it off |
    we got there | got there | that did it | did it | got ourselves |
    got myself | successfully | in my pocket | in the pocket |
    in my inventory | in the inventory | in my bag
  """,
  ('done', 'weak'): """
    perfect | nice | sweet | lovely | boom | awesome | beautiful | easy |
    finally | success | ta da | very good | excellent | great | cool |
    that was easy | yay | woo | safe | very nice | bam | yep | yup | phew |
    hooray | good | easy peasy | brilliant | fantastic | amazing | wonderful |
    wicked | score | result | nice one | ace | yess | yesss | hell yeah |
    there we are | like a charm | smooth | not bad | good stuff | great stuff |
    great success | nicely done | well done | super | splendid | marvellous |
    tidy | excellent stuff | love it | here we go | okay good | all good |
    good job | good work | wahey | hurray | voila | and voila | tada | cheers |
    thank you | thanks
  """,
  ('fail', ''): """
    isn't working | not working | doesn't work | didn't work | not ripe |
    failed | missed | damn | that's not working | no luck | no use |
    it's no use | went wrong | did not work | didn't make it | no good |
    blew it | messed up | messed that up | it got away | he got away |
    it's gone | lost it | didn't get it | didn't get | that's a fail | fail |
    failure | screwed up | that was a disaster | can't do it | couldn't do it |
    not going to happen | not happening | out of luck | too late | ruined |
    it broke | didn't happen | did not happen | didn't go well | went badly |
    that's no use | hopeless | no dice | a bust | a flop | botched it
  """,
  ('drop', ''): """
    forget | forget about | never mind | nevermind | give up | give up on |
    giving up | giving up on | skip | skip the | leave it | let's not |
    screw that | leave that | changed my mind | too expensive | that's silly |
    no time | not worth it | abandon | on second thought | on second thoughts |
    not now | some other time | another time | put that on hold | on hold |
    hold that thought | that can wait | can wait | will have to wait |
    have to wait | no need for | drop that | drop the | leave the |
    leave this | leave it for later | for later | come back to this |
    come back for this | come back for it later | come back to it later |
    come back later | back to that later | back to it later | forget it |
    change of plan | change of plans | plans have changed | enough of that |
    i'll skip | we'll skip | gonna skip | ditch | ditching | ditch the |
    bail on | bail | scrap that | scrap the | scrapping | stop the |
    calling it off | call it off | park that | park the | shelve that |
    postpone | some other day | later then | not worth the trouble |
    not worth the effort | i'm done with | leaving that | leaving the |
    set that aside | putting that aside | put that aside | dropping the |
    drop it | dropping it | dropping that | let it go | never mind the |
    nevermind the | never mind that | abandoning | abandoning the | quit on |
    quitting | have to stop | gotta stop | interrupt | interrupted
  """,
  ('die', ''): """
    i died | we died | i'm dead | we're dead | i am dead | game over |
    you died | that killed me | i just died | we are dead | and i died |
    i am dying | and i'm dead | and we're dead | that's me dead |
    that's me gone | i'm gone | we lost | it's over | it's all over |
    rest in peace | rip | r i p | he killed me | it killed me |
    they killed me | i've died | we've died | died | you're dead |
    i got killed | we got killed | got killed | dead again | killed me |
    that got me | he got me | it got me | they got me | finished me |
    finished me off | did me in
  """,
  ('not', ''): """
    don't | do not | not | no | never | without | can't | cannot | couldn't |
    won't | nah | refuse | didn't | haven't | nothing | nope | isn't |
    neither | nor | not yet | doesn't | don't need | wouldn't | shouldn't |
    aren't | wasn't | out of | no need to | not gonna | not going to |
    i'm not | we're not | isn't any | there isn't | there's no | there is no |
    ain't | not enough | not quite | nowhere | hardly | not sure |
    don't think | doubt | instead of | rather than | wish i had | hasn't |
    have not | has not | won't need | needn't | nobody | none
  """,
  ('past', ''): """
    last time | last episode | last run | last stream | the last run |
    yesterday | left off | already | earlier | previously | the last stream |
    last video | next time | next episode | the next episode |
    in the next one | tomorrow | the last time | the last episode |
    last night | the other day | previous episode | in the previous episode |
    in the last episode | in my last run | in my last video | a while ago |
    the other run | once upon a time | back then | when i was | years ago |
    last week | my first run | used to | i remember
  """,
  ('perhaps', ''): """
    if | could | would | usually | can | might | may | in case | whenever |
    someone | you can | we could | i could | we also need | i also need |
    also need | they say | maybe | when | we'd | i'd | i wish | i was |
    she said | he said | kind of like | might be | could be | perhaps |
    possibly | thinking maybe | some people | people | most people |
    everyone says | they told me | someone asked | somebody asked |
    a comment asked | comments | in theory | imagine | would have |
    could have | should have | shouldn't have | supposedly | in real life |
    my friend | my mom | my mum | my dad | my wife | my cat | my dog |
    my brother | my sister | at work | at school | i heard | reminds me |
    i dreamt | i dreamed | for dinner | for lunch | for breakfast
  """,
  ('look', ''): """
    there's | there is | there's a | here's | here is | i see | i saw | saw |
    this is | looks like | these are | those are | here comes | the other |
    there are | what's | see a | coming | i swear | i can see | we can see |
    i spot | spotted | i spotted | look at | look at that | look at this |
    i notice | noticed | over there is | that over there | is that | is this |
    are those | are these | behind me | ahead | in front | up ahead |
    there goes | another one of those
  """,
  ('look', 'that'): """
    that's | that is
  """,
  ('look', 'is'): """
    is | are | was | were | will be | is gonna be | gonna be
  """,
  ('here', ''): """
    here | down | right here | goes here | goes down | over here
  """,
  ('it', ''): """
    it | them | that | this | one | these | those | some | him | her |
    this one | a few | that one | a few more | some more | another |
    another one | a bunch | more | any | few | the lot | each | both |
    all of it | the thing | this guy | that guy | this fella | one of those |
    one of them | one of these | a couple more | two more | a little more |
    a bit more | plenty of | loads of | lots of | tons of | a load of |
    a lot of
  """,
  ('and', ''): """
    and | or | plus | as well as | &
  """,
  ('number', ''): """
    a | an | two | three | four | five | six | seven | eight | nine | ten |
    couple | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | zero | dozen |
    half a dozen | 11 | 12 | thirteen | twenty
  """,
  ('filler', ''): """
    how to | used to | able to | like to | ready to | use to | the | our | my |
    ourselves | myself | some of | of | real | quick | really | just | like |
    please | another | bit | little | new | to see | up to | close to |
    next to a | next to | close by | far | own | go and | come on | go |
    to the | as well | too | again | there now | in total | uh | some more of |
    at least | about | bunch | a bunch of | a bit of | couple of |
    a couple of | baby | for now | for luck | for a second | for a bit |
    for a while | for the moment | for some reason | for sure | for like |
    for real | for today | for watching | for once | for a moment | for ages |
    for me | for us | kind of | sort of | you know | basically | actually |
    literally | honestly | obviously | quickly | quick little | a quick |
    a nice | nice little | a proper | a brand new | brand new | shiny | fresh |
    lovely little | extra | spare | big | huge | decent | single | whole |
    bloody | freaking | darn | old | trusty | handy | more of the |
    some of the | one of the | one of these | all of the | all the |
    more of this | of this | of that | nearest | closest | next door | nearby |
    these | those | er | erm | you see | i guess | i suppose | to be honest |
    if you will | let's say | pretty much | in a sec | in a minute |
    for you guys | guys | folks | everyone | people of youtube |
    ladies and gentlemen | friends | mate | man | dude | bro | buddy
  """,
  ('oops', ''): """
    i mean | no wait | wait no | scratch that | correction | or rather |
    no sorry | actually no | no actually | make that | wait i meant | i meant |
    sorry i mean | no i mean | not that | well no | or well | let me rephrase |
    strike that
  """,
}
