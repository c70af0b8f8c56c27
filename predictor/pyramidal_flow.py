"""Dense motion found with tensor operations alone, on whatever device the frames are.

Coarse to fine, each level in three steps from the flow of the level before it:

1. propagation: a pixel takes the flow of a pixel some way off where its own surroundings fit that
   flow better, as in dense inverse search (Kroeger et al. 2016);
2. a few Gauss-Newton steps of patches (Lucas and Kanade 1981), which ignore a change in
   brightness; of its steps every pixel keeps the one that fits best;
3. variational refinement of brightness and gradient constancy under robust penalties (Brox et al.
   2004), normalised (Zimmer et al. 2011); its linear systems by block Jacobi steps with Chebyshev
   acceleration (Golub and Varga 1961), which have no order and suit a GPU, where successive
   over-relaxation has one.

What has moved out of the picture counts in no step. Windows are summed by shifting: convolutions
run in TF32 on a GPU, too coarse for the variances taken here, and average pooling is four times as
slow on a processor.

Against dense inverse search, OpenCV's medium preset, on a processor; no GPU has run this yet, so
nothing is known of its speed there, and on one core it takes some thirty times as long (0.5 s for
a pair of 256 x 340):

=====================================================  =====================  =============
carrying the motion on, PSNR of frames 1 and 4         dense inverse search   this
=====================================================  =====================  =============
60 windows of training clips, 180 to 410 px            27.32, 20.81 dB        27.31, 20.71
12 of them enlarged to 960 x 540                       29.11, 22.65 dB        29.28, 22.47
end-point error, 10 photographs warped by 1 to 20 px   0.33 px                0.18
=====================================================  =====================  =============
"""

import torch
from torch import Tensor
from torch.nn import functional

from predictor.warping import pixel_grid, warped

COARSEST_SIDE_PX = 6  # the pyramid ends at a shorter side under twice this
WINDOW_PX = 7  # two box filters of this width: nearly a Gaussian of deviation 2.8
PROPAGATION_PX = (4, 8)
BETTER_BY = 0.95  # of the cost so far, what another pixel's flow must stay under
PATCH_STEPS = 3
LONGEST_STEP_PX = 3.0
LEAST_SEEN = 0.2  # share of a window that must lie inside both frames to say anything
DAMPING = (0.02, 1.0)  # of the normal equations: a share of their trace, and a constant
SMOOTHNESS, BRIGHTNESS, GRADIENT = 10.0, 5.0, 10.0  # weights of the variational terms
REWEIGHTINGS = 5
RELAXATIONS = 10
SPECTRAL_RADIUS = 0.9  # of the Jacobi steps, as the acceleration takes it to be
NORMALISATION = 0.01  # squared grey levels a pixel
ROBUSTNESS = 1e-6  # square under the root of the penalties


@torch.no_grad()
def pyramidal_flow(first: Tensor, second: Tensor) -> Tensor:
    """Return the flow ``(N, 2, H, W)`` between grey frames ``(N, 1, H, W)`` in [0, 255], any size.

    ``first(x) = second(x + flow(x))`` in pixels, float32 on the device of the frames and whatever
    the autocast; no gradient flows through it, and the same frames give the same flow.
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
            flow = _followed(before, after, flow)
            flow = _refined(before, after, flow)
        return flow


def _halved(grey: Tensor) -> Tensor:
    height, width = grey.shape[-2:]
    return functional.interpolate(grey, (-(-height // 2), -(-width // 2)), mode="area")


def _resized(flow: Tensor, size: torch.Size) -> Tensor:
    height, width = flow.shape[-2:]
    if flow.shape[-2:] == size:
        return flow
    scale = flow.new_tensor([size[1] / width, size[0] / height]).view(1, 2, 1, 1)
    return scale * functional.interpolate(flow, size, mode="bilinear", align_corners=False)


def _propagated(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
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


def _followed(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
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
    """Return the variance of the error in the window around every pixel, ``(N, 1, H, W)``.

    Only the part of the window that `flow` keeps inside counts; 255² where that is too little.
    """
    error = warped(second, flow) - first
    inside = _is_inside(flow)
    sums = _windowed(torch.cat([inside, inside * error, inside * error * error], dim=1))
    _, mean, square = (sums / sums[:, :1].clamp_min(1e-3)).chunk(3, dim=1)
    return (square - mean * mean).masked_fill(sums[:, :1] < LEAST_SEEN, 255.0**2)


def _patch_statistics(first: Tensor, second: Tensor, flow: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return cost, normal equations and right side of the window around every pixel.

    All are (co)variances over the part of the window that `flow` keeps inside: of the error
    ``(N, 1, H, W)``, of the image gradient (xx, xy, yy), of the gradient and the error.
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
    moved = warped(second, flow)
    inside = _is_inside(flow)
    before, after = _gradient(first), _gradient(moved)
    # three constancies: of the brightness and of its two derivatives
    x, y = (before[0] + after[0]) / 2, (before[1] + after[1]) / 2
    xx, xy = _gradient(x)
    _, yy = _gradient(y)
    along_x, along_y = torch.cat([x, xx, xy], dim=1), torch.cat([y, xy, yy], dim=1)
    change = torch.cat([moved - first, after[0] - before[0], after[1] - before[1]], dim=1)
    norm = 1 / (along_x.square() + along_y.square() + NORMALISATION)
    weights = flow.new_tensor([BRIGHTNESS, GRADIENT, GRADIENT]).view(1, 3, 1, 1)
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
        right = _times(matrix, flow) - ((factors * change)[:, None] * slopes).sum(2)
        refined = _relaxed(matrix, right, refined)
    return refined


def _relaxed(matrix: Tensor, right: Tensor, flow: Tensor) -> Tensor:
    """Return u nearer than `flow` to the solution of ``matrix u - div(s grad u) = right``.

    s is the smoothness that the penalty asks for at `flow`; nothing is tied over the border.
    """
    across, down = _gradient(flow)
    roughness = (across.square() + down.square()).sum(1, keepdim=True)
    ties = SMOOTHNESS * (roughness + ROBUSTNESS).rsqrt()
    beside = functional.pad((ties[..., 1:] + ties[..., :-1]) / 2, (1, 1))
    under = functional.pad((ties[..., 1:, :] + ties[..., :-1, :]) / 2, (0, 0, 1, 1))
    left, right_of, above, below = (
        beside[..., :-1],
        beside[..., 1:],
        under[..., :-1, :],
        under[..., 1:, :],
    )
    diagonal = left + right_of + above + below
    system = matrix + torch.cat([diagonal, torch.zeros_like(diagonal), diagonal], dim=1)
    previous, factor = flow, 1.0
    for number in range(RELAXATIONS):
        around = functional.pad(flow, (1, 1, 1, 1))
        pulled = (
            left * around[..., 1:-1, :-2]
            + right_of * around[..., 1:-1, 2:]
            + above * around[..., :-2, 1:-1]
            + below * around[..., 2:, 1:-1]
        )
        step = _solved(system, right + pulled)
        if number:
            factor = 1 / (1 - SPECTRAL_RADIUS**2 * factor / (2 if number == 1 else 4))
        previous, flow = flow, previous + factor * (step - previous)
    return flow


def _gradient(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the central differences of every plane along x and along y, edges repeated."""
    padded = functional.pad(planes, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return across, down


def _windowed(planes: Tensor) -> Tensor:
    """Return the weighted mean of the window around every pixel, edges repeated."""
    reach = WINDOW_PX // 2
    height, width = planes.shape[-2:]
    for _ in range(2):
        rows = functional.pad(planes, (reach, reach, 0, 0), mode="replicate")
        planes = _sum([rows[..., left : left + width] for left in range(WINDOW_PX)])
        columns = functional.pad(planes, (0, 0, reach, reach), mode="replicate")
        planes = _sum([columns[..., top : top + height, :] for top in range(WINDOW_PX)])
    return planes / WINDOW_PX**4


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0] + parts[1]
    for part in parts[2:]:
        total += part
    return total


def _is_inside(flow: Tensor) -> Tensor:
    """Return 1 where `flow` ends inside the picture and 0 elsewhere, ``(N, 1, H, W)``."""
    height, width = flow.shape[-2:]
    end = pixel_grid(height, width, flow.device).permute(2, 0, 1) + flow
    far = end.new_tensor([width - 1, height - 1]).view(1, 2, 1, 1)
    return ((end >= 0) & (end <= far)).all(dim=1, keepdim=True).to(flow.dtype)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return the product of symmetric 2x2 matrices ``(N, 3, H, W)``: xx, xy, yy, and vectors."""
    xx, xy, yy = matrix.chunk(3, dim=1)
    x, y = vector.chunk(2, dim=1)
    return torch.cat([xx * x + xy * y, xy * x + yy * y], dim=1)


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    """Return x of ``matrix x = right``, both as in `_times`; 0 where both are 0."""
    xx, xy, yy = matrix.chunk(3, dim=1)
    determinant = (xx * yy - xy * xy).clamp_min(1e-12)  # 0 for a frame of a single pixel
    return _times(torch.cat([yy, -xy, xx], dim=1), right) / determinant
