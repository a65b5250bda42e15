#include "server/security/file_watch.h"

#include <cerrno>
#include <fstream>
#include <utility>

#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr size_t kMostBytes = 1 << 20;

bool Alike(const absl::StatusOr<FileContents>& a, const absl::StatusOr<FileContents>& b) {
  return a.ok() && b.ok() ? *a == *b : a.status() == b.status();
}

}  // namespace

absl::StatusOr<FileContents> ReadFiles(const std::vector<std::filesystem::path>& files) {
  FileContents contents;
  for (const std::filesystem::path& file : files) {
    errno = 0;
    std::ifstream input(file, std::ios::binary);
    std::string content;
    char piece[1 << 12];
    while (content.size() <= kMostBytes && (input.read(piece, sizeof(piece)), input.gcount() > 0)) {
      content.append(piece, static_cast<size_t>(input.gcount()));
    }
    if (!input.is_open() || input.bad()) {
      return absl::ErrnoToStatus(errno == 0 ? EIO : errno, StrCat("cannot read ", file.string()));
    }
    if (content.size() > kMostBytes) {
      return absl::InvalidArgumentError(StrCat(file.string(), " has more than ", kMostBytes, " bytes"));
    }
    contents.push_back(std::move(content));
  }
  return contents;
}

FileWatch::FileWatch(std::vector<std::filesystem::path> files, FileContents known, absl::Duration look_every,
                     OnChange on_change)
    : files_(std::move(files)),
      look_every_(look_every),
      on_change_(std::move(on_change)),
      thread_([this, known = std::move(known)]() mutable { Run(std::move(known)); }) {}

FileWatch::~FileWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void FileWatch::Run(absl::StatusOr<FileContents> known) {
  absl::StatusOr<FileContents> last = known;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (stop_.wait_for(lock, absl::ToChronoNanoseconds(look_every_), [this] { return stopped_; })) return;
    }
    absl::StatusOr<FileContents> found = ReadFiles(files_);
    if (!Alike(found, known) && Alike(found, last)) {
      known = found;
      on_change_(found);
    }
    last = std::move(found);
  }
}

}  // namespace fintag::server
