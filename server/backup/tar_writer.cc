#include "server/backup/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <new>
#include <utility>

#include "core/text/strings.h"

namespace fintag::server {
namespace {

class Writer final : public TarWriter {
 public:
  Writer(size_t piece_bytes, Sink sink) : sink_(std::move(sink)), archive_(archive_write_new()) {
    if (archive_ == nullptr) throw std::bad_alloc();
    archive_write_set_format_pax_restricted(archive_.get());
    archive_write_set_bytes_per_block(archive_.get(), static_cast<int>(piece_bytes));
    archive_write_set_bytes_in_last_block(archive_.get(), 1);  // nothing is filled up
    Check(archive_write_open(archive_.get(), this, nullptr, &Give, nullptr));
  }

  absl::Status Begin(const std::string& name, int64_t size, int64_t unix_seconds) override {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
    if (entry == nullptr) throw std::bad_alloc();
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), size);
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), unix_seconds, 0);
    Check(archive_write_header(archive_.get(), entry.get()));
    return status_;
  }

  absl::Status Write(std::string_view bytes) override {
    if (status_.ok() && archive_write_data(archive_.get(), bytes.data(), bytes.size()) < 0) Check(ARCHIVE_FATAL);
    return status_;
  }

  absl::Status Finish() override {
    if (status_.ok()) Check(archive_write_close(archive_.get()));
    return status_;
  }

 private:
  struct Free {
    void operator()(archive* writer) const {
      archive_write_fail(writer);  // what is not finished gives no last piece away
      archive_write_free(writer);
    }
  };

  static la_ssize_t Give(archive* writer, void* self, const void* bytes, size_t size) {
    auto& ours = *static_cast<Writer*>(self);
    ours.status_ = ours.sink_({static_cast<const char*>(bytes), size});
    if (ours.status_.ok()) return static_cast<la_ssize_t>(size);
    archive_set_error(writer, EIO, "the archive's bytes were not taken");
    return -1;
  }

  // The sink's own error says more than the library's of it.
  void Check(int result) {
    if (result == ARCHIVE_OK || !status_.ok()) return;
    const char* why = archive_error_string(archive_.get());
    status_ = absl::InternalError(StrCat("cannot write the archive: ", why == nullptr ? "unknown error" : why));
  }

  const Sink sink_;
  absl::Status status_;
  const std::unique_ptr<archive, Free> archive_;
};

}  // namespace

std::unique_ptr<TarWriter> TarWriter::Create(size_t piece_bytes, Sink sink) {
  return std::make_unique<Writer>(piece_bytes, std::move(sink));
}

}  // namespace fintag::server
