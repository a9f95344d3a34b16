"""Back-propagation through a small network, spelled out: autograd's engine costs more than its arithmetic."""

import torch
from torch import nn


class Backpropagation:
    """The gradients of a multi-layer perceptron, several times as fast as autograd takes them.

    The network's parameters become views of one tensor, ``parameter``, and their gradients views of its gradient: an
    optimizer then has one tensor to step.

    Args:
        network: Linear layers with a ReLU between each two.
    """

    def __init__(self, network: nn.Sequential):
        layers = [layer for layer in network if isinstance(layer, nn.Linear)]
        self.weights, self.biases = [layer.weight for layer in layers], [layer.bias for layer in layers]
        parameters = list(network.parameters())
        self.parameter = nn.Parameter(nn.utils.parameters_to_vector(parameters).detach())
        nn.utils.vector_to_parameters(self.parameter, parameters)
        self.parameter.grad = torch.zeros_like(self.parameter)
        gradients = self.parameter.grad.split([parameter.numel() for parameter in parameters])
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.view_as(parameter)

    @torch.inference_mode()
    def loss(self, inputs: torch.Tensor, chosen: torch.Tensor, targets: torch.Tensor, kind: str) -> float:
        """Return the mean loss of one output per row, and set its gradients.

        Args:
            inputs: Shape ``(n, d)``.
            chosen: Shape ``(n,)``, int64: the number of the output.
            targets: Shape ``(n,)``: what it should be.
            kind: "mse", or "huber" with its bend at 1.
        """
        activations, chosen = self._forward(inputs), chosen[:, None]
        errors = activations[-1].gather(1, chosen)[:, 0] - targets
        if kind == "mse":
            loss, slopes = errors.square().mean(), 2 * errors
        else:
            loss, slopes = nn.functional.huber_loss(errors, torch.zeros_like(errors)), errors.clamp(-1, 1)
        slopes /= len(errors)
        self._backward(activations, torch.zeros_like(activations[-1]).scatter_(1, chosen, slopes[:, None]))
        return float(loss)

    def _forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return the inputs ``(n, d)``, what comes out of each hidden layer, and the outputs."""
        activations = [inputs]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            if len(activations) > 1:
                activations[-1].relu_()
            activations.append(nn.functional.linear(activations[-1], weight, bias))
        return activations

    def _backward(self, activations: list[torch.Tensor], slopes: torch.Tensor) -> None:
        """Set the gradients of a loss.

        Args:
            activations: From `_forward`.
            slopes: The loss's derivatives by the outputs, their shape.
        """
        for i in reversed(range(len(self.weights))):
            weight, bias, inputs = self.weights[i], self.biases[i], activations[i]
            torch.mm(slopes.t(), inputs, out=weight.grad)
            torch.sum(slopes, dim=0, out=bias.grad)
            if i > 0:
                slopes = torch.mm(slopes, weight).mul_(inputs.sign())  # an output of a ReLU has sign 0 or 1
