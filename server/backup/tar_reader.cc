#include "server/backup/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <new>

#include "absl/strings/escaping.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr size_t kReadBytes = 1 << 20;

class Reader final : public TarReader {
 public:
  explicit Reader(const std::filesystem::path& file) : file_(file), archive_(archive_read_new(), archive_read_free) {
    if (archive_ == nullptr) throw std::bad_alloc();
    // Tar alone, and no filter: those would start programs.
    archive_read_support_format_tar(archive_.get());
  }

  absl::Status Open() {
    if (archive_read_open_filename(archive_.get(), file_.c_str(), kReadBytes) == ARCHIVE_OK) return absl::OkStatus();
    const int error = archive_errno(archive_.get());
    // libarchive says EILSEQ of what is no archive, on Linux.
    if (error > 0 && error != EILSEQ) return absl::ErrnoToStatus(error, StrCat("cannot open ", file_.string()));
    return Damaged();
  }

  absl::StatusOr<bool> Next(TarEntry& entry) override {
    archive_entry* found = nullptr;
    const int result = archive_read_next_header(archive_.get(), &found);
    if (result == ARCHIVE_EOF) return false;
    if (result != ARCHIVE_OK) return Damaged();
    const char* name = archive_entry_pathname(found);
    entry.name = name == nullptr ? "" : name;
    if (archive_entry_filetype(found) != AE_IFREG || archive_entry_hardlink(found) != nullptr ||
        archive_entry_symlink(found) != nullptr || !archive_entry_size_is_set(found) || archive_entry_size(found) < 0) {
      return absl::DataLossError(StrCat(file_.string(), " is no backup of ours: \"",
                                        absl::CHexEscape(entry.name.substr(0, 128)), "\" in it is no plain file"));
    }
    entry.size = archive_entry_size(found);
    return true;
  }

  absl::Status Read(const std::function<absl::Status(std::string_view)>& sink) override {
    std::string buffer(kReadBytes, '\0');
    while (true) {
      const la_ssize_t got = archive_read_data(archive_.get(), buffer.data(), buffer.size());
      if (got == 0) return absl::OkStatus();
      if (got < 0) return Damaged();
      if (absl::Status taken = sink({buffer.data(), static_cast<size_t>(got)}); !taken.ok()) return taken;
    }
  }

 private:
  absl::Status Damaged() const {
    const char* why = archive_error_string(archive_.get());
    return absl::DataLossError(StrCat(file_.string(), " is cut or damaged: ", why == nullptr ? "no tar archive" : why));
  }

  const std::filesystem::path file_;
  const std::unique_ptr<archive, int (*)(archive*)> archive_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TarReader>> TarReader::Open(const std::filesystem::path& file) {
  auto reader = std::make_unique<Reader>(file);
  if (absl::Status opened = reader->Open(); !opened.ok()) return opened;
  return reader;
}

}  // namespace fintag::server
