"""Settings: parsed from the command line, saved in the logdir, compared."""

from ponderdream.settings import data as data
from ponderdream.settings import processes as processes
from ponderdream.settings.parse import blocks as blocks
from ponderdream.settings.parse import check as check
from ponderdream.settings.parse import parse as parse
from ponderdream.settings.parse import sized as sized
from ponderdream.settings.runs import check_alike as check_alike
from ponderdream.settings.runs import check_alone as check_alone
from ponderdream.settings.runs import check_same as check_same
from ponderdream.settings.runs import compare as compare
from ponderdream.settings.runs import complete as complete
from ponderdream.settings.runs import make_logdir as make_logdir
from ponderdream.settings.runs import recall as recall
from ponderdream.settings.runs import remember as remember
