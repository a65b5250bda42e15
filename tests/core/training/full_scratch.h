// A disk that is full for the scratch file of this process: the kernel's file that is always full in its place.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace fintag {

inline int FillDiskOfScratchFiles() {
  std::vector<int> files;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone);
    if (target.find("/.scratch-") != std::string::npos) files.push_back(std::stoi(entry.path().filename()));
  }
  const int full = open("/dev/full", O_RDWR | O_CLOEXEC);
  for (const int file : files) dup2(full, file);
  close(full);
  return static_cast<int>(files.size());
}

}  // namespace fintag
