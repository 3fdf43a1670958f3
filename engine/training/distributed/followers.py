"""What the processes do that follow: the same steps as the leader's, on their part of each batch.

They have no project, write nothing but what they need themselves, and tell nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.events import Step
from engine.models.supernet.supernet import Supernet
from engine.training.activation_cache import ActivationCache
from engine.training.dataset import ImageArray
from engine.training.distributed.group import Group
from engine.training.distributed.sent import Sent, network_from, receive
from engine.training.loop import Training, train
from engine.training.run import answers
from engine.training.setup import made, made_in, stack_in, tuning_parts
from engine.training.supernet.shrinking import SUPERNET_TUNERS
from engine.training.supernet.teacher import Teacher
from engine.training.supernet.trainable import SupernetData, TrainableSupernet
from engine.training.tuner import Supply
from engine.training.unlabelled.methods import METHODS
from engine.training.unlabelled.setup import adapting_parts


def follow(group: Group, device: torch.device, folder: Path) -> Iterator[Step]:
    """Trains as the leader says, to its end. `folder` is this process's own, for what is sent.

    Raises ProcessLost where another process is gone.
    """
    received = receive(group, folder)
    if received is None:
        return
    if "method" in received[0]:
        yield from follow_supernet(*received, group, device)
        return
    training, lessons, loss = made_from(*received, group, device, folder)
    supply = (lessons.batch(position) for position in training.follow())
    yield from train(training, supply, partial(answers, stack_in(training)), loss)


def follow_supernet(
    sent: Sent, images: ImageArray, group: Group, device: torch.device
) -> Iterator[Step]:
    """Trains a supernet's subnets as the leader says."""
    tuner, teacher = SUPERNET_TUNERS.make(sent["method"], sent["settings"]), None
    network, width = Supernet(sent["network"]["outputs"], sent["network"]["width"]), 0
    if sent["teacher"] is not None:
        features, weight, bias = sent["teacher"]
        teacher, width = Teacher(features.numpy(), weight, bias), weight.shape[1]
    pupil = TrainableSupernet(network, width, sent["master"]).to(device)
    plan = tuner.plan(len(images), sent["alone"], sent["shrunk"])
    training = tuner.training(pupil, plan)
    training.group = group
    where = (torch.zeros(1, device=device),)  # on the leader's images norms are measured
    yield from tuner.follow(training, SupernetData(images, teacher, where, group))


def made_from(
    sent: Sent, images: ImageArray, group: Group, device: torch.device, folder: Path
) -> tuple[Training, Supply, Any]:
    """The run that the leader described: what is trained, what it is shown, and the loss.

    Its weights come before the first step.
    """
    backbone = network_from(sent["network"], folder)
    tuner, schedule, settings = sent["tuner"], sent["schedule"], sent["settings"]
    lessons: Supply
    loss: Any
    if tuner in METHODS:
        method, timing = made_in(METHODS, tuner, schedule, settings)
        training, lessons, loss = adapting_parts(method, timing, backbone, images, device, group)
    else:
        tuning, timing = made(tuner, schedule, settings)
        head = nn.Linear(backbone.width, sent["outputs"])
        training, lessons = tuning_parts(tuning, timing, backbone, images, head, device, group)
        loss = tuning.loss(stack_in(training), sent["new"])
    if sent["teacher"] is not None:
        loss.teacher.load_state_dict(sent["teacher"])
    if kept := sent["kept"]:
        stages = list(stack_in(training).parts.values())[:-1]
        levels = frozenset(kept["levels"])
        lessons.prefix = ActivationCache(stages, lessons.views, kept["views"], folder, levels)
    return training, lessons, loss
