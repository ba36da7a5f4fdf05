"""A forecast whose laws are scipy's: what scores are tested on, so that quantdl's own laws have no part in it."""

import numpy as np
import torch

from quantdl.distributions import Forecast, crps_by_quantiles


class ScipyLaw(Forecast):
    """Independent assets, each with a frozen scipy law."""

    def __init__(self, laws, present):
        super().__init__(present)
        self.laws = laws

    def _columns(self, method, value):
        value = value.expand(torch.broadcast_shapes(value.shape, self.present.shape))
        columns = [getattr(law, method)(value[..., i].numpy()) for i, law in enumerate(self.laws)]
        return torch.from_numpy(np.stack(columns, axis=-1))

    def cdf(self, value):
        return self._columns("cdf", value)

    def log_cdf(self, value):
        return self._columns("logcdf", value)

    def log_survival(self, value):
        return self._columns("logsf", value)

    def icdf(self, value):
        return self._columns("ppf", torch.as_tensor(value, dtype=torch.float64))

    def marginal_log_prob(self, value):
        return self._columns("logpdf", value)

    def log_prob(self, value):
        return torch.where(self.present, self.marginal_log_prob(value), 0.0).sum(-1)

    def observed(self, mask):
        return ScipyLaw(self.laws, self.present & mask)

    def marginal_crps(self, value):
        return crps_by_quantiles(self.cdf, self.icdf, value)

    @property
    def mean(self):
        return torch.tensor([law.mean() for law in self.laws]).expand(self.present.shape)

    def rows(self, index):
        return ScipyLaw(self.laws, self.present[index])

    def assets(self, index):
        return ScipyLaw([self.laws[i] for i in index.tolist()], self.present[:, index])

    def to(self, device):
        return self

    def rsample(self, sample_shape=()):
        raise NotImplementedError
