"""What torch.distributions lacks: Student-t cdf and quantile, the factor-t copula, and the Forecast that joins them."""

from quantdl.distributions.density import student_t_log_density
from quantdl.distributions.factor_t import FactorStudentT
from quantdl.distributions.forecast import Forecast
from quantdl.distributions.marginals import (
    AffineMarginals,
    Marginals,
    StudentTMarginals,
    cdf_by_transport,
    icdf_by_transport,
)
from quantdl.distributions.student_t import student_t_cdf, student_t_icdf

__all__ = [
    "AffineMarginals",
    "FactorStudentT",
    "Forecast",
    "Marginals",
    "StudentTMarginals",
    "cdf_by_transport",
    "icdf_by_transport",
    "student_t_cdf",
    "student_t_icdf",
    "student_t_log_density",
]
