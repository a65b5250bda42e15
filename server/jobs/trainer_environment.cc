#include "server/jobs/trainer_environment.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace fintag::server {
namespace {

constexpr std::array<std::string_view, 10> kNames = {"PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD",
                                                     "GLIBC_TUNABLES",
                                                     // Sanitizers, for a build that has them; coverage is below.
                                                     "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};

// Threads, allocators, kernels and devices, as their libraries are told.
constexpr std::array<std::string_view, 20> kPrefixes = {
    "LC_",     "OMP_",   "GOMP_",   "KMP_",     "MKL_",  "DNNL_", "ONEDNN_", "ATEN_",     "TORCH_", "CUDA_",
    "CUBLAS_", "CUDNN_", "NVIDIA_", "PYTORCH_", "NCCL_", "GLOO_", "MALLOC_", "TCMALLOC_", "GCOV_",  "LLVM_PROFILE_"};

bool IsLetThrough(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace

std::vector<std::string> TrainerEnvironment(const char* const* server, const std::filesystem::path& folder) {
  std::vector<std::string> environment;
  for (; *server != nullptr; ++server) {
    const std::string_view variable = *server;
    if (IsLetThrough(variable.substr(0, variable.find('=')))) environment.emplace_back(variable);
  }
  environment.push_back("TMPDIR=" + folder.string());
  return environment;
}

}  // namespace fintag::server
