// Where the mathematics runs.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fintag {

// "auto": CUDA where LibTorch has it and a GPU is there, else the CPU; "cpu"; "cuda" (FAILED_PRECONDITION where there
// is none). INVALID_ARGUMENT for any other name. Of several GPUs it is number `index`, counted round: each process of a
// machine takes its own.
absl::StatusOr<at::Device> SelectDevice(std::string_view name, int32_t index = 0);

// "cpu" or "cuda:0 (NVIDIA H200)".
std::string DeviceName(const at::Device& device);

// What speed depends on: "AMD EPYC 7763, 2 threads" for the CPU, the device's name for a GPU.
std::string MachineName(const at::Device& device, int64_t threads);

}  // namespace fintag
