"""Laws of log returns: the contract of a forecast, its copula form, and the Student-t functions that torch lacks."""

from quantdl.distributions.base_law import BaseLaw, StudentTLaw, student_t_variance
from quantdl.distributions.copula import CopulaForecast
from quantdl.distributions.crps import crps_by_quantiles, crps_student_t
from quantdl.distributions.density import student_t_log_density
from quantdl.distributions.dependence import DenseStudentT, Dependence
from quantdl.distributions.factor_mixture import FactorNormalMixture
from quantdl.distributions.factor_t import FactorStudentT
from quantdl.distributions.forecast import Forecast
from quantdl.distributions.johnson_su import JohnsonSUMarginals
from quantdl.distributions.marginals import (
    AffineMarginals,
    Marginals,
    StudentTMarginals,
    cdf_by_transport,
    icdf_by_transport,
    log_cdf_by_transport,
    log_survival_by_transport,
)
from quantdl.distributions.mixture import MixtureForecast, VarianceParts
from quantdl.distributions.normal_mixture import NormalMixture
from quantdl.distributions.resampled import ResampledForecast, Resamples
from quantdl.distributions.score_flow import PlaneMap, ScoreFlowForecast
from quantdl.distributions.skew_t import SkewStudentTMarginals, skew_t_mode_and_scale
from quantdl.distributions.splines import RationalSpline, SplineKernels, SplineMarginals
from quantdl.distributions.student_t import exact_probability, student_t_cdf, student_t_icdf, student_t_log_cdf
from quantdl.distributions.weighted_sums import MixedSum, StudentTSum, SumLaw

__all__ = [
    "AffineMarginals",
    "BaseLaw",
    "CopulaForecast",
    "DenseStudentT",
    "Dependence",
    "FactorNormalMixture",
    "FactorStudentT",
    "JohnsonSUMarginals",
    "NormalMixture",
    "Forecast",
    "Marginals",
    "ResampledForecast",
    "Resamples",
    "SkewStudentTMarginals",
    "MixedSum",
    "MixtureForecast",
    "PlaneMap",
    "RationalSpline",
    "ScoreFlowForecast",
    "SplineKernels",
    "SplineMarginals",
    "StudentTLaw",
    "StudentTMarginals",
    "StudentTSum",
    "SumLaw",
    "VarianceParts",
    "cdf_by_transport",
    "crps_by_quantiles",
    "crps_student_t",
    "exact_probability",
    "icdf_by_transport",
    "log_cdf_by_transport",
    "log_survival_by_transport",
    "skew_t_mode_and_scale",
    "student_t_cdf",
    "student_t_icdf",
    "student_t_log_cdf",
    "student_t_log_density",
    "student_t_variance",
]
