"""
Numbers from SciPy and NumPy that the tests of src/signal compare with. Writes scipy.json beside itself:

    python3 generate.py

Signals and kernels are integers, so that direct sums are exact; spectra, windows and filters are written with 17
significant digits.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy import signal


def integers(seed, shape):
    """Whole numbers from -9 to 9 that a formula gives: ((i + 1) * (2 * seed + 3) * 7919 mod 1009) mod 19 - 9."""
    i = np.arange(np.prod(shape))
    return (((i + 1) * (2 * seed + 3) * 7919) % 1009 % 19 - 9).reshape(shape)


cases = []
for seed, (shape, kernel) in enumerate(
    [((7,), (3,)), ((6,), (4,)), ((5, 7), (3, 3)), ((6, 5), (2, 4)), ((4, 5, 6), (3, 1, 3)), ((3, 4, 5), (2, 3, 2))]
):
    x, w = integers(seed, shape), integers(seed + 100, kernel)
    for mode in ["full", "same", "valid"]:
        # for an even kernel SciPy takes another one of the two middles
        if mode == "same" and any(size % 2 == 0 for size in kernel):
            continue
        cases.append(
            {
                "seed": seed,
                "shape": shape,
                "kernel": kernel,
                "mode": mode,
                "convolve": signal.convolve(x, w, mode, method="direct").tolist(),
                "correlate": signal.correlate(x, w, mode, method="direct").tolist(),
            }
        )

x = integers(0, (12,))
pathlib.Path(__file__).with_name("scipy.json").write_text(
    json.dumps(
        {
            "scipy": scipy.__version__,
            "numpy": np.__version__,
            "cases": cases,
            "fft": [
                {
                    "shape": shape,
                    "real": np.fft.fftn(integers(5, shape)).real.reshape(-1).tolist(),
                    "imag": np.fft.fftn(integers(5, shape)).imag.reshape(-1).tolist(),
                }
                for shape in [(12,), (16,), (17,), (6, 8), (2, 3, 5)]
            ],
            "windows": {
                "hann": np.hanning(9).tolist(),
                "hamming": np.hamming(9).tolist(),
                "blackman": np.blackman(9).tolist(),
            },
            "filters": {
                "lowPass(0.1, 21)": signal.firwin(21, 0.1, fs=1).tolist(),
                "lowPass(0.2, 15, blackman)": signal.firwin(15, 0.2, window="blackman", fs=1).tolist(),
                "highPass(0.3, 21)": signal.firwin(21, 0.3, pass_zero=False, fs=1).tolist(),
                "bandPass(0.1, 0.25, 31)": signal.firwin(31, [0.1, 0.25], pass_zero=False, fs=1).tolist(),
            },
            "convolutionMatrix": scipy.linalg.convolution_matrix([1, 2, 3], 4).tolist(),
        }
    )
    + "\n"
)
