#include "core/model/device.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace fintag {
namespace {

bool HasCuda() { return at::globalContext().hasCUDA(); }

// The rest of the first line of `file` that begins with `start`, and with a colon behind it.
std::string FieldOf(const std::filesystem::path& file, const std::string& start) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (line.starts_with(start) && colon != std::string::npos) {
      return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    }
  }
  return "";
}

// From the driver's own files: LibTorch names a GPU only through CUDA headers, which a CPU build must do without.
std::string FirstGpuModel() {
  std::error_code error;
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    if (std::string model = FieldOf(gpu.path() / "information", "Model"); !model.empty()) return model;
  }
  return "";
}

}  // namespace

absl::StatusOr<at::Device> SelectDevice(std::string_view name, int32_t index) {
  if (name == "cpu") return at::Device(at::kCPU);
  const auto gpu = [index] {
    const auto count = static_cast<int32_t>(std::max<size_t>(1, at::getNumGPUs()));
    return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index % count));
  };
  if (name == "auto") return HasCuda() ? gpu() : at::Device(at::kCPU);
  if (name != "cuda") {
    return absl::InvalidArgumentError(absl::StrCat("device must be auto, cpu or cuda, is '", std::string(name), "'"));
  }
  if (!HasCuda()) {
    return absl::FailedPreconditionError("device cuda: this LibTorch has no CUDA, or no GPU is here; use cpu or auto");
  }
  return gpu();
}

std::string DeviceName(const at::Device& device) {
  if (!device.is_cuda()) return device.str();
  const std::string name = FirstGpuModel();
  return name.empty() ? device.str() : absl::StrCat(device.str(), " (", name, ")");
}

std::string MachineName(const at::Device& device, int64_t threads) {
  if (!device.is_cpu()) return DeviceName(device);
  // Read once: a list of models asks for each of its versions.
  static const std::string kProcessor = FieldOf("/proc/cpuinfo", "model name");
  return absl::StrCat(kProcessor.empty() ? "unknown processor" : kProcessor, ", ", threads, " threads");
}

}  // namespace fintag
