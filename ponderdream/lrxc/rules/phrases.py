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
    first | step one | missing | moving on to | on to | off to | off we go to |
    might as well | start by | start with | supposed to | ought to | i say |
    make sure to | all that's left is | we're after | after some |
    on my way to | how about | we can | i can | we've got to | i've got to |
    i got to | we got to | what's missing is | back to | gotta go |
    the plan is to | gonna go | gonna need | gonna have to | need some |
    going to need to | going to go | let's go | what i want | aiming for |
    i'd rather
  """,
  ('needs', ''): """
    needs | takes | wants | requires | is made of | costs | needs some
  """,
  ('today', ''): """
    today | this time | this time the plan | this episode | this video |
    this run | the plan | the goal | my goal | our goal | mission |
    my mission | our mission | the mission | the aim | in this guide |
    the run where | this one | whole plan | the challenge | main goal |
    objective | the objective
  """,
  ('for', 'to'): """
    in order to | so that | so we can | so i can | so you can |
    so that we can | so that i can | to | if we want | if we want to |
    if i want | if i want to
  """,
  ('for', 'for'): """
    for | for a | for the
  """,
  ('for', 'that'): """
    for that | for this | to do that | so to do that | to do this
  """,
  ('for', 'before'): """
    before | before we can | before i can | before we
  """,
  ('for', 'because'): """
    because | cuz | cause | cos | since
  """,
  ('done', 'got'): """
    got | i got | we got | have got | i've got | we've got | there's our |
    there's my | that makes
  """,
  ('done', 'have'): """
    we have | i have | have | now we have | now i have
  """,
  ('done', 'enough'): """
    enough | plenty | that should do it | that should do | that'll do |
    that will do | should be enough | that's enough | all i need |
    that is enough
  """,
  ('done', 'sure'): """
    got it | got one | got that | got some | got them | we got it |
    there we go | there you go | done | finished | all done | sorted |
    complete | both done | there it is | there we have it | and there it is |
    here we are | here it is | mission accomplished | made it | i did it |
    we did it | gone
  """,
  ('done', 'weak'): """
    perfect | nice | sweet | lovely | boom | awesome | beautiful | easy |
    finally | success | ta da | very good | excellent | great | cool |
    that was easy | yay | woo | safe | very nice | bam | yep | yup | phew |
    hooray | good
  """,
  ('fail', ''): """
    isn't working | not working | doesn't work | didn't work | not ripe |
    failed | missed | damn | that's not working | no luck | no use |
    it's no use
  """,
  ('drop', ''): """
    forget | forget about | never mind | nevermind | give up | give up on |
    giving up | giving up on | skip | skip the | leave it | scratch that |
    let's not | screw that | leave that | changed my mind | too expensive |
    that's silly | no time | not worth it | abandon
  """,
  ('die', ''): """
    i died | we died | i'm dead | we're dead | i am dead | game over | got me |
    killed me | you died | that killed me | i just died | we are dead |
    and i died
  """,
  ('not', ''): """
    don't | do not | not | no | never | without | can't | cannot | couldn't |
    won't | nah | refuse | didn't | haven't | nothing | nope | isn't |
    neither | nor | not yet | doesn't | don't need | wouldn't | shouldn't |
    aren't | wasn't | out of
  """,
  ('past', ''): """
    last time | last episode | last run | last stream | the last run |
    yesterday | left off | already | earlier | previously | the last stream |
    last video | next time | next episode | the next episode |
    in the next one | tomorrow | the last time | the last episode
  """,
  ('perhaps', ''): """
    if | could | would | usually | can | might | may | in case | whenever |
    someone | you can | we could | i could | we also need | i also need |
    also need | they say | maybe | when | we'd | i'd | i wish | i was |
    she said | he said | kind of like
  """,
  ('look', ''): """
    there's | there is | there's a | here's | here is | i see | i saw | saw |
    this is | looks like | these are | those are | here comes | the other |
    there are | what's | see a | coming | i think | i swear | comes | near
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
    another one | a bunch | more | any | few
  """,
  ('and', ''): """
    and | or | plus | as well as | &
  """,
  ('number', ''): """
    a | an | two | three | four | five | six | seven | eight | nine | ten |
    couple | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | zero
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
    for me | for us
  """,
}
