"""Which policies are set beside each other in a study in closed loop, and which of them are compared?"""

from collections.abc import Mapping

BASE, CONTROL, ADAPTED, WRONG, SHUFFLED = "base", "control", "adapted", "wrong", "shuffled"
ROBOT_VIDEO, OTHER_ROBOT_VIDEO, ORACLE = "robot_video", "other_robot_video", "oracle"
SCRATCH, HOLD_LAST = "scratch", "hold_last"
STILL, RANDOM, EXPERT = "still", "random", "expert"

# Policies whose success is known beforehand: if one of them surprises, it is the trial that is broken.
PLANTED = (STILL, RANDOM, EXPERT)
UNTRAINED = (BASE, ORACLE, HOLD_LAST, *PLANTED)

VIDEO_ARMS = (BASE, CONTROL, ADAPTED, WRONG, SHUFFLED, ROBOT_VIDEO, OTHER_ROBOT_VIDEO, ORACLE, *PLANTED)
PLAY_ARMS = (HOLD_LAST, SCRATCH, ADAPTED, RANDOM, EXPERT)
SWEEP_ARMS = (CONTROL, ADAPTED)

VIDEO_ABOUT: Mapping[str, str] = {
    BASE: "the base as it is, not trained",
    CONTROL: "as many steps on data the base knows already",
    ADAPTED: "human video of the tasks",
    WRONG: "human video of other tasks under these tasks' words",
    SHUFFLED: "human video of the tasks, the frames of each window out of order",
    ROBOT_VIDEO: "the robot's own video of the tasks, without actions: a bound",
    OTHER_ROBOT_VIDEO: "another robot's video of the tasks, without actions",
    ORACLE: "the base as it is, reading actions from the true future that the expert would bring about",
    STILL: "holds still",
    RANDOM: "acts at random",
    EXPERT: "the script that knows everything",
}
PLAY_ABOUT: Mapping[str, str] = {
    HOLD_LAST: "holds still",
    SCRATCH: "a model of the same size, trained from nothing on the same recordings until it gets no better",
    ADAPTED: "the base, adapted to the new robot's recordings",
    RANDOM: "acts at random",
    EXPERT: "the script that knows everything",
    BASE: "the base as it is, on the robot it knows",
}
# What is compared, the one a study is made for first.
VIDEO_GAINS = (
    (ADAPTED, CONTROL),
    (ADAPTED, WRONG),
    (ADAPTED, SHUFFLED),
    (ADAPTED, BASE),
    (CONTROL, BASE),
    (SHUFFLED, CONTROL),
    (WRONG, CONTROL),
    (ROBOT_VIDEO, CONTROL),
    (OTHER_ROBOT_VIDEO, CONTROL),
    (ROBOT_VIDEO, ADAPTED),
)
PLAY_GAINS = ((ADAPTED, SCRATCH), (ADAPTED, HOLD_LAST), (SCRATCH, HOLD_LAST))
SWEEP_GAINS = ((ADAPTED, CONTROL),)
# The comparison that each kind of study is made for.
MAIN_GAIN: Mapping[str, tuple[str, str]] = {
    "video": VIDEO_GAINS[0],
    "play": PLAY_GAINS[0],
    "sweep": SWEEP_GAINS[0],
}
KEPT = ((ADAPTED, BASE), (CONTROL, BASE))  # what is left of what the base could do, where it acts itself
