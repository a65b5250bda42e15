// Looks at a few small files again and again, and tells when what is in them has changed. It reads them, since the
// times of files say little where a whole folder is put in another's place, as Kubernetes does with a Secret.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace fintag::server {

// The contents of the files, in their order. NOT_FOUND, PERMISSION_DENIED and the like with the path; INVALID_ARGUMENT
// where one has more than 1 MiB.
using FileContents = std::vector<std::string>;
absl::StatusOr<FileContents> ReadFiles(const std::vector<std::filesystem::path>& files);

class FileWatch {
 public:
  using OnChange = std::function<void(const absl::StatusOr<FileContents>& contents)>;

  // `known` is what was read before. `on_change` is called, on a thread of its own, with what two looks in a row found
  // alike, so that files that belong together are not taken while they are being written.
  FileWatch(std::vector<std::filesystem::path> files, FileContents known, absl::Duration look_every,
            OnChange on_change);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  void Run(absl::StatusOr<FileContents> known);

  const std::vector<std::filesystem::path> files_;
  const absl::Duration look_every_;
  const OnChange on_change_;
  // Not absl::Mutex: it waits by the clock that is set, so that one set back by an hour is an hour without a look.
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace fintag::server
