"""A model for bulk jobs that loads no PyTorch, so that worker processes start quickly."""

import os
import sys

import numpy as np
from sklearn.base import BaseEstimator


class Witness(BaseEstimator):
    """Colours by who did it: process id, as three bytes, in all rows but the first, which holds the threads.

    The threads are those of PyTorch, 0 where it is not loaded. A process dies of white photos.

    Parameters
    ----------
    torch_threads : int or None
        Threads that PyTorch is given where the model is unpacked.
    log : path or None
        File that gets a line with the process id wherever the model is unpacked.
    """

    def __init__(self, torch_threads=None, log=None):
        self.torch_threads, self.log = torch_threads, log

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def __setstate__(self, state):
        super().__setstate__(state)
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{os.getpid()}\n")
        if self.torch_threads:
            import torch

            torch.set_num_threads(self.torch_threads)

    def predict(self, X):
        if X.min() == 255:
            os._exit(1)
        torch = sys.modules.get("torch")
        n_threads = torch.get_num_threads() if torch else 0
        colored = np.full((*X.shape[:2], 3), list(os.getpid().to_bytes(3, "little")), np.uint8)
        colored[0] = n_threads
        return colored
