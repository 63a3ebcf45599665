"""What is the smallest effect that a comparison would have found?"""

from scipy import special

POWER = 0.8  # A true effect of the smallest detectable size is found in this share of repetitions.


def smallest_detectable(standard_error: float, half_width: float, dof: float) -> float:
    """The true difference that the interval keeps apart from zero in 80 % of repetitions.

    A repetition finds it when its mean lies further from zero than its interval is wide to that side; mean over
    standard error then follows Student's t, shifted by the true difference.

    Args:
        standard_error: Of the mean difference.
        half_width: From the mean to the end of its interval; some multiple of the standard error.
        dof: Degrees of freedom with which the standard error is known.

    Returns:
        In the unit of the standard error.

    Source:
        Power by the noncentral t distribution: Cohen 1988, "Statistical power analysis", chapter 2; minimum detectable
        effect: Bloom 1995, Evaluation Review 19(5), which takes the shifted t for a plain one.
    """
    if standard_error == 0.0:
        return 0.0
    return float(special.nctdtrinc(dof, 1 - POWER, half_width / standard_error)) * standard_error
