// The arithmetic of the optimiser over plain arrays, in one pass over memory and in the widest vectors the processor
// has. No LibTorch here: the file is compiled with flags of its own.
#pragma once

#include <cstdint>

namespace fintag {

struct AdamCoefficients {
  float gradient_scale = 1;  // clipping
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float step_size = 0;     // learning rate / (1 - beta1^t)
  float second_scale = 1;  // 1 / sqrt(1 - beta2^t)
  float epsilon = 1e-8f;
  float keep = 1;  // 1 - learning rate * weight decay
};

// For each of `size` elements, with g the scaled gradient (Kingma, Ba 2014, arXiv:1412.6980; decay as Loshchilov,
// Hutter 2017, arXiv:1711.05101):
//   first = beta1 first + (1 - beta1) g;  second = beta2 second + (1 - beta2) g^2
//   parameter = keep parameter - step_size first / (second_scale sqrt(second) + epsilon)
// Gradients are float32 or, as 16 bits each, bfloat16.
void AdamUpdate(const AdamCoefficients& coefficients, const float* gradient, int64_t size, float* parameter,
                float* first, float* second);
void AdamUpdate(const AdamCoefficients& coefficients, const uint16_t* gradient, int64_t size, float* parameter,
                float* first, float* second);

// Sum of squares. Its order of additions depends on `size` alone.
double SumOfSquares(const float* values, int64_t size);
double SumOfSquares(const uint16_t* values, int64_t size);

}  // namespace fintag
