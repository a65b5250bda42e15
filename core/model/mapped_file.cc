#include "core/model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "core/text/strings.h"

namespace fintag {

namespace {

enum class Way { kMap, kRead };

absl::Status ReadAll(int file, const std::filesystem::path& path, uint8_t* to, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t got = pread(file, to + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return absl::DataLossError(
          StrCat("cannot read ", path.string(), " to its end: ", got == 0 ? "it was cut short" : std::strerror(errno)));
    }
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Span<const uint8_t>> BytesOf(const std::filesystem::path& path, Way way) {
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return absl::ErrnoToStatus(errno, StrCat("cannot open ", path.string()));
  const absl::Cleanup close_file = [file] { close(file); };
  struct stat status;
  if (fstat(file, &status) != 0) return absl::ErrnoToStatus(errno, StrCat("cannot stat ", path.string()));
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(StrCat(path.string(), " is not a regular file"));
  }
  const size_t size = static_cast<size_t>(status.st_size);
  if (size == 0) return absl::Span<const uint8_t>();
  void* address = way == Way::kMap ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0)
                                   : mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return absl::ErrnoToStatus(errno, StrCat("no memory for ", path.string()));
  if (way == Way::kRead) {
    if (absl::Status read = ReadAll(file, path, static_cast<uint8_t*>(address), size); !read.ok()) {
      munmap(address, size);
      return read;
    }
  }
  return absl::Span<const uint8_t>(static_cast<const uint8_t*>(address), size);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::filesystem::path& path) {
  const auto bytes = BytesOf(path, Way::kMap);
  if (!bytes.ok()) return bytes.status();
  return std::shared_ptr<const MappedFile>(new MappedFile(*bytes));
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Read(const std::filesystem::path& path) {
  const auto bytes = BytesOf(path, Way::kRead);
  if (!bytes.ok()) return bytes.status();
  return std::shared_ptr<const MappedFile>(new MappedFile(*bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace fintag
