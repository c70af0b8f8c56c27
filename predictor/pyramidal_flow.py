"""Dense optical flow by tensor operations alone, on the device of the frames.

Coarse to fine; each level improves the flow of the level before it in three steps:

1. propagation: a pixel takes the flow of a pixel some way off where that fits its own window
   better, as in dense inverse search (Kroeger et al. 2016);
2. a few Gauss-Newton steps for the window around every pixel (Lucas and Kanade 1981), invariant to
   an offset of brightness; each pixel keeps the step that fits best;
3. variational refinement: brightness and gradient constancy under robust penalties (Brox et al.
   2004), normalised (Zimmer et al. 2011). The linear systems are solved by block Jacobi iterations
   with Chebyshev acceleration (Golub and Varga 1961), which update all pixels at once and so suit a
   GPU, unlike successive over-relaxation.

Pixels whose flow ends outside the frame count in no step. Windows are summed by shifting, because
on a GPU convolutions run in TF32, too coarse for the variances here, and on a CPU average pooling
is four times as slow.

Compared with dense inverse search at OpenCV's medium preset, on a CPU; the speed on a GPU was not
measured. On one core it takes some thirty times as long (0.5 s for a pair of 256 x 340).

=====================================================  =====================  =============
constant velocity, PSNR of frames 1 and 4 ahead        dense inverse search   this
=====================================================  =====================  =============
60 windows of training clips, 180 to 410 px            27.32, 20.81 dB        27.31, 20.71
12 of them enlarged to 960 x 540                       29.11, 22.65 dB        29.28, 22.47
end-point error, 10 photographs warped by 1 to 20 px   0.33 px                0.18
=====================================================  =====================  =============
"""

import torch
from torch import Tensor
from torch.nn import functional

from predictor.tensors import constants
from predictor.warping import pixel_grid, warped

COARSEST_SIDE_PX = 6  # the shorter side of the coarsest level is under twice this
WINDOW_PX = 7  # two box filters of this width: nearly a Gaussian of deviation 2.8
PROPAGATION_PX = (4, 8)  # distances from which a pixel may take the flow
BETTER_BY = 0.95  # such a flow must cost less than this share of the pixel's own
PATCH_STEPS = 3  # Gauss-Newton steps
LONGEST_STEP_PX = 3.0
LEAST_SEEN = 0.2  # share of a window that must lie inside both frames to count at all
DAMPING = (0.02, 1.0)  # added to the diagonal of the normal equations: share of trace, constant
SMOOTHNESS, BRIGHTNESS, GRADIENT = 10.0, 5.0, 10.0  # weights of the variational terms
REWEIGHTINGS = 5  # updates of the robust weights
RELAXATIONS = 10  # Jacobi iterations for each of these
SPECTRAL_RADIUS = 0.9  # of a Jacobi iteration, as assumed by the acceleration
NORMALISATION = 0.01  # added to squared gradients, (grey levels / px)²
ROBUSTNESS = 1e-6  # ε² of the penalties √(x² + ε²)


@torch.no_grad()
def pyramidal_flow(first: Tensor, second: Tensor) -> Tensor:
    """Return the flow ``(N, 2, H, W)`` between grey frames ``(N, 1, H, W)`` in [0, 255], any size.

    ``first(x) = second(x + flow(x))``, in pixels, on the device of the frames; float32, also under
    autocast. Deterministic; no gradient flows through it.
    """
    with torch.autocast(first.device.type, enabled=False):
        levels = [(first.float(), second.float())]
        while min(levels[-1][0].shape[-2:]) >= 2 * COARSEST_SIDE_PX:
            levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
        coarsest = levels[-1][0]
        flow = coarsest.new_zeros(len(coarsest), 2, *coarsest.shape[-2:])
        for before, after in reversed(levels):
            flow = _resized(flow, before.shape[-2:])
            flow = _propagated(before, after, flow)
            flow = _gauss_newton(before, after, flow)
            flow = _refined(before, after, flow)
        return flow


def _halved(grey: Tensor) -> Tensor:
    """Return area means at half the size, rounded up."""
    height, width = grey.shape[-2:]
    return functional.interpolate(grey, (-(-height // 2), -(-width // 2)), mode="area")


def _resized(flow: Tensor, size: torch.Size) -> Tensor:
    """Return `flow` at another size, its vectors scaled along."""
    height, width = flow.shape[-2:]
    if flow.shape[-2:] == size:
        return flow
    scale = constants(flow, (size[1] / width, size[0] / height)).view(1, 2, 1, 1)
    return scale * functional.interpolate(flow, size, mode="bilinear", align_corners=False)


def _propagated(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """Return `flow`, replaced where that of a pixel above, below, left or right fits better."""
    height, width = flow.shape[-2:]
    best = _patch_cost(first, second, flow)
    for reach in PROPAGATION_PX:
        padded = functional.pad(flow, (reach,) * 4, mode="replicate")
        for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
            top, left = down * reach, right * reach
            other = padded[..., top : top + height, left : left + width]
            cost = _patch_cost(first, second, other)
            is_better = cost < BETTER_BY * best - 1e-3
            flow, best = torch.where(is_better, other, flow), torch.where(is_better, cost, best)
    return flow


def _gauss_newton(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """Return for each pixel the flow of lowest cost among those that Gauss-Newton steps visit."""
    share, constant = DAMPING
    kept, best = flow, torch.full_like(first, torch.inf)
    for step in range(PATCH_STEPS + 1):
        cost, matrix, slope = _patch_statistics(first, second, flow)
        kept, best = torch.where(cost < best, flow, kept), torch.minimum(cost, best)
        if step < PATCH_STEPS:
            damping = share * (matrix[:, :1] + matrix[:, 2:]) + constant
            identity = torch.cat([damping, torch.zeros_like(damping), damping], dim=1)
            move = -_solved(matrix + identity, slope)
            length = torch.linalg.vector_norm(move, dim=1, keepdim=True)
            flow = flow + move * (LONGEST_STEP_PX / length.clamp_min(LONGEST_STEP_PX))
    return kept


def _patch_cost(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """Return the variance of the error in the window around each pixel, ``(N, 1, H, W)``.

    Pixels of the window whose flow ends outside the frame are left out; 255² where too few remain.
    """
    error = warped(second, flow) - first
    inside = _is_inside(flow)
    sums = _windowed(torch.cat([inside, inside * error, inside * error * error], dim=1))
    _, mean, square = (sums / sums[:, :1].clamp_min(1e-3)).chunk(3, dim=1)
    return (square - mean * mean).masked_fill(sums[:, :1] < LEAST_SEEN, 255.0**2)


def _patch_statistics(first: Tensor, second: Tensor, flow: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return cost, matrix and right-hand side of the normal equations of the window around a pixel.

    They are (co)variances over the pixels that `_patch_cost` counts: of the error ``(N, 1, H, W)``,
    of the image gradient ``(N, 3, H, W)`` (xx, xy, yy), and of gradient and error ``(N, 2, H, W)``.
    """
    error = warped(second, flow) - first
    x, y = _gradient(first)
    inside = _is_inside(flow)
    planes = [error, x, y, error * error, x * x, x * y, y * y, x * error, y * error]
    sums = _windowed(inside * torch.cat([torch.ones_like(error), *planes], dim=1))
    seen = sums[:, :1]
    means = sums[:, 1:] / seen.clamp_min(1e-3)
    mean_error, mean_x, mean_y = means[:, :3].chunk(3, dim=1)
    products = [mean_error * mean_error, mean_x * mean_x, mean_x * mean_y, mean_y * mean_y,
                mean_x * mean_error, mean_y * mean_error]  # fmt: skip
    covariances = means[:, 3:] - torch.cat(products, dim=1)
    cost = covariances[:, :1].masked_fill(seen < LEAST_SEEN, 255.0**2)
    return cost, covariances[:, 1:4], covariances[:, 4:]


def _refined(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """Return the flow that minimises the variational energy, linearised at `flow`."""
    moved = warped(second, flow)
    inside = _is_inside(flow)
    before, after = _gradient(first), _gradient(moved)
    # three constraints: the brightness and its two derivatives stay constant along the flow
    x, y = (before[0] + after[0]) / 2, (before[1] + after[1]) / 2
    xx, xy = _gradient(x)
    _, yy = _gradient(y)
    along_x, along_y = torch.cat([x, xx, xy], dim=1), torch.cat([y, xy, yy], dim=1)
    change = torch.cat([moved - first, after[0] - before[0], after[1] - before[1]], dim=1)
    norm = 1 / (along_x.square() + along_y.square() + NORMALISATION)
    weights = constants(flow, (BRIGHTNESS, GRADIENT, GRADIENT)).view(1, 3, 1, 1)
    products = torch.stack([along_x * along_x, along_x * along_y, along_y * along_y], dim=1)
    slopes = torch.stack([along_x, along_y], dim=1)
    refined = flow
    for _ in range(REWEIGHTINGS):
        across, down = (refined - flow).chunk(2, dim=1)
        squares = norm * (change + along_x * across + along_y * down).square()
        both = squares[:, 1:].sum(1, keepdim=True)  # the derivatives share one penalty
        penalties = torch.cat([squares[:, :1], both, both], dim=1)
        factors = weights * inside * norm * (penalties + ROBUSTNESS).rsqrt()
        matrix = (factors[:, None] * products).sum(2)
        right_side = _times(matrix, flow) - ((factors * change)[:, None] * slopes).sum(2)
        refined = _relaxed(matrix, right_side, refined)
    return refined


def _relaxed(matrix: Tensor, right_side: Tensor, flow: Tensor) -> Tensor:
    """Return u closer than `flow` to the solution of ``matrix u - div(d grad u) = right_side``.

    d is the diffusivity of the robust smoothness penalty at `flow`; it is 0 across the border.
    """
    across, down = _gradient(flow)
    roughness = (across.square() + down.square()).sum(1, keepdim=True)
    diffusivity = SMOOTHNESS * (roughness + ROBUSTNESS).rsqrt()
    between_columns = (diffusivity[..., 1:] + diffusivity[..., :-1]) / 2
    between_rows = (diffusivity[..., 1:, :] + diffusivity[..., :-1, :]) / 2
    left, right = functional.pad(between_columns, (1, 0)), functional.pad(between_columns, (0, 1))
    above, below = (
        functional.pad(between_rows, (0, 0, 1, 0)),
        functional.pad(between_rows, (0, 0, 0, 1)),
    )
    diagonal = left + right + above + below
    system = matrix + torch.cat([diagonal, torch.zeros_like(diagonal), diagonal], dim=1)
    previous, factor = flow, 1.0
    for number in range(RELAXATIONS):
        around = functional.pad(flow, (1, 1, 1, 1))
        neighbours = (
            left * around[..., 1:-1, :-2]
            + right * around[..., 1:-1, 2:]
            + above * around[..., :-2, 1:-1]
            + below * around[..., 2:, 1:-1]
        )
        step = _solved(system, right_side + neighbours)
        if number:
            factor = 1 / (1 - SPECTRAL_RADIUS**2 * factor / (2 if number == 1 else 4))
        previous, flow = flow, previous + factor * (step - previous)
    return flow


def _gradient(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the central differences along x and along y of each plane, edges repeated."""
    padded = functional.pad(planes, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return across, down


def _windowed(planes: Tensor) -> Tensor:
    """Return the weighted mean over the window around each pixel, edges repeated."""
    reach = WINDOW_PX // 2
    height, width = planes.shape[-2:]
    for _ in range(2):
        rows = functional.pad(planes, (reach, reach, 0, 0), mode="replicate")
        planes = _sum([rows[..., left : left + width] for left in range(WINDOW_PX)])
        columns = functional.pad(planes, (0, 0, reach, reach), mode="replicate")
        planes = _sum([columns[..., top : top + height, :] for top in range(WINDOW_PX)])
    return planes / WINDOW_PX**4


def _sum(parts: list[Tensor]) -> Tensor:
    """Return the sum of two or more tensors, added in place after the first two."""
    total = parts[0] + parts[1]
    for part in parts[2:]:
        total += part
    return total


def _is_inside(flow: Tensor) -> Tensor:
    """Return 1 where `flow` ends inside the picture and 0 elsewhere, ``(N, 1, H, W)``."""
    height, width = flow.shape[-2:]
    end = pixel_grid(height, width, flow.device).permute(2, 0, 1) + flow
    far = constants(end, (width - 1, height - 1)).view(1, 2, 1, 1)
    return ((end >= 0) & (end <= far)).all(dim=1, keepdim=True).to(flow.dtype)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return products of symmetric 2x2 matrices ``(N, 3, H, W)`` (xx, xy, yy) and vectors."""
    xx, xy, yy = matrix.chunk(3, dim=1)
    x, y = vector.chunk(2, dim=1)
    return torch.cat([xx * x + xy * y, xy * x + yy * y], dim=1)


def _solved(matrix: Tensor, right_side: Tensor) -> Tensor:
    """Return x of ``matrix x = right_side``, shaped as in `_times`; 0 where both are 0."""
    xx, xy, yy = matrix.chunk(3, dim=1)
    determinant = (xx * yy - xy * xy).clamp_min(1e-12)  # 0 for a frame of a single pixel
    return _times(torch.cat([yy, -xy, xx], dim=1), right_side) / determinant
