// Linear layers, and the activation between two of them.
#pragma once

#include <ATen/ATen.h>

#include "core/model/bert_config.h"

namespace fintag {

// What multiplies matrices. MKL, behind at::linear, keeps AMD processors on its AVX2 path; oneDNN of the same LibTorch
// uses AVX-512 there, at more than twice the speed. Elsewhere the two are alike; a tagger's layers are packed there
// (packed_linear.h).
enum class LinearBackend { kAten, kOneDnn };

// oneDNN on AMD processors with AVX-512 where this LibTorch has it. By feature and not by measuring, so that the same
// machine always computes the same bytes.
LinearBackend BestLinearBackend();
void SetLinearBackend(LinearBackend backend);  // for tests and benchmarks; before other threads compute

// `rows` or a little more (a multiple of 16 up to 512, at most 6 % more beyond): how many rows a matrix should have so
// that few different shapes occur. oneDNN compiles a kernel for each shape and keeps 1,024 of them; with batches of
// every size a training step would spend a seventh of its time compiling. `rows` itself where nothing is compiled.
int64_t PaddedRows(int64_t rows, at::Device device);

// x w^T + bias, differentiable. x: [tokens, in], w: [out, in], bias: [out].
at::Tensor Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// [columns] of a float32 matrix on the CPU, [rows, columns]; no gradient.
at::Tensor SumOfRows(const at::Tensor& x);

// activation(x), differentiable, exact to 1e-6.
at::Tensor Activate(const at::Tensor& x, Activation activation);

// activation(x w^T + bias): one call of oneDNN when no gradient is recorded.
at::Tensor LinearActivation(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            Activation activation);

}  // namespace fintag
