// Files as the service takes and gives them: described by size and checksum, then sent in chunks one behind the other.
#pragma once

#include <fintag/v1/dataset.pb.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/sha256.h"

namespace fintag::client {

// From errno after a failed call on `path`: NOT_FOUND, PERMISSION_DENIED or UNKNOWN, "PATH: reason".
absl::Status FileError(const std::filesystem::path& path, int error_number);

// Reads the file once. NOT_FOUND, PERMISSION_DENIED, or INVALID_ARGUMENT for what is no plain file.
absl::StatusOr<fintag::v1::FileDescription> DescribeFile(const std::filesystem::path& path);

// Counts bytes towards a total that is known.
class TransferMeter {
 public:
  TransferMeter(TransferProgress progress, int64_t total_bytes)
      : progress_(std::move(progress)), total_bytes_(total_bytes) {}
  void Add(size_t bytes) {
    done_bytes_ += static_cast<int64_t>(bytes);
    if (progress_) progress_(done_bytes_, total_bytes_);
  }

 private:
  const TransferProgress progress_;
  const int64_t total_bytes_;
  int64_t done_bytes_ = 0;
};

// Gives the file to `send` in chunks of 256 KiB; stops early, without an error, where `send` returns false (the stream
// knows why). FAILED_PRECONDITION if the file is not as long as described: it changed since.
absl::StatusOr<bool> SendFile(const std::filesystem::path& path, const fintag::v1::FileDescription& description,
                              TransferMeter& meter, const std::function<bool(std::string chunk)>& send);

// Writes the files of `descriptions` into a folder from the chunks that come.
class FileReceiver {
 public:
  // INVALID_ARGUMENT if a name is no plain file name or comes twice.
  static absl::StatusOr<std::unique_ptr<FileReceiver>> Create(
      const std::filesystem::path& folder, const std::vector<fintag::v1::FileDescription>& descriptions);

  // DATA_LOSS for a wrong checksum or more bytes than described; FileError where the disk refuses.
  absl::Status Write(std::string_view chunk);
  // DATA_LOSS if anything is missing.
  absl::Status Finish();

 private:
  FileReceiver(const std::filesystem::path& folder, const std::vector<fintag::v1::FileDescription>& descriptions)
      : folder_(folder), descriptions_(descriptions) {}
  // Opens the file whose turn it is; files without content are made and passed.
  absl::Status OpenNext();
  absl::Status CloseCurrent();

  const std::filesystem::path folder_;
  const std::vector<fintag::v1::FileDescription> descriptions_;
  size_t next_ = 0;  // the file behind the open one
  std::ofstream file_;
  std::unique_ptr<Sha256> sha256_;
  int64_t left_ = 0;  // bytes of the open file
};

}  // namespace fintag::client
