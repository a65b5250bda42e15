#include "core/training/brief_spin.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace fintag {

void SpinBriefly(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "1000", /*overwrite=*/0);
  std::error_code unknown;
  execv(std::filesystem::read_symlink("/proc/self/exe", unknown).c_str(), argv);
}

}  // namespace fintag
