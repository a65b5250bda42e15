#include "core/model/device.h"

#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace fintag {
namespace {

bool HasCuda() { return at::globalContext().hasCUDA(); }

// From the driver's own files: LibTorch names a GPU only through CUDA headers, which a CPU build must do without.
std::string FirstGpuModel() {
  std::error_code error;
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    std::ifstream information(gpu.path() / "information");
    for (std::string line; std::getline(information, line);) {
      if (absl::StartsWith(line, "Model:")) return std::string(absl::StripAsciiWhitespace(line.substr(6)));
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<at::Device> SelectDevice(std::string_view name) {
  if (name == "cpu") return at::Device(at::kCPU);
  if (name == "auto") return HasCuda() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (name != "cuda") {
    return absl::InvalidArgumentError(absl::StrCat("device must be auto, cpu or cuda, is '", std::string(name), "'"));
  }
  if (!HasCuda()) {
    return absl::FailedPreconditionError("device cuda: this LibTorch has no CUDA, or no GPU is here; use cpu or auto");
  }
  return at::Device(at::kCUDA, 0);
}

std::string DeviceName(const at::Device& device) {
  if (!device.is_cuda()) return device.str();
  const std::string name = FirstGpuModel();
  return name.empty() ? device.str() : absl::StrCat(device.str(), " (", name, ")");
}

}  // namespace fintag
