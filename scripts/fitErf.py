"""
Coefficients of erf in src/backends/wasm/math.ts. Needs NumPy and mpmath:

    python3 fitErf.py

Minimax polynomials by Lawson's iteration (least squares whose weights grow where the error is largest); the
coefficients are rounded to float32 one after the other, lowest degree first, and the others fitted again each time.
Prints them with the largest weighted error before any rounding of arithmetic, in units of 2**-24.
"""

import mpmath
import numpy as np

mpmath.mp.dps = 40


def minimax(x, y, weight, powers, steps=300):
    """Coefficients of x**p for p in powers that make max |weight * (polynomial - y)| small."""
    matrix = np.stack([x**p for p in powers], 1)
    lawson = np.ones_like(x)
    for _ in range(steps):
        scale = np.sqrt(lawson) * weight
        solution, *_ = np.linalg.lstsq(matrix * scale[:, None], y * scale, rcond=None)
        lawson *= np.abs(weight * (matrix @ solution - y)) + 1e-300
        lawson /= lawson.mean()
    return solution


def fit(name, x, y, weight, degree):
    fixed, rest = [], np.array(y)
    for power in range(degree + 1):
        free = minimax(x, rest, weight, range(power, degree + 1))
        fixed.append(float(np.float32(free[0])))
        rest = rest - fixed[-1] * x**power
    print(name, [float(f"{c:.9g}") for c in fixed], f"{np.max(np.abs(weight * rest)) * 2**24:.3f} * 2**-24")


def values(function, x):
    return np.array([float(function(mpmath.mpf(float(v)))) for v in x])


# erf x = x + x P(x²) below 1: the error counts relative to erf x
small = np.linspace(0, 1, 801)
inner = lambda t: mpmath.erf(mpmath.sqrt(t)) / mpmath.sqrt(t) - 1 if t > 0 else 2 / mpmath.sqrt(mpmath.pi) - 1
fit("near", small, values(inner, small), 1 / (1 + values(inner, small)), 6)

# erf x = 1 - exp(-Q(x)) from 1 to 4: an error of Q counts erfc x as much
large = np.linspace(1, 4, 801)
fit(
    "far",
    large,
    values(lambda t: -mpmath.log(mpmath.erfc(t)), large),
    values(lambda t: mpmath.erfc(t) / mpmath.erf(t), large),
    6,
)
