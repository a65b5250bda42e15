#include "core/model/zip_archive.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "core/model/byte_reader.h"
#include "core/model/printable.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryHeader = 0x02014b50;
constexpr uint32_t kDirectoryEnd = 0x06054b50;
constexpr uint32_t kDirectoryEnd64 = 0x06064b50;
constexpr uint32_t kDirectoryLocator64 = 0x07064b50;
constexpr uint64_t kDirectoryEndSize = 22;
constexpr uint64_t kLocatorSize = 20;

absl::Status Damaged(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("damaged zip archive: ", what));
}

struct Directory {
  uint64_t entries = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
};

// The fields of one record; a read past the end leaves `ok` false and zeros.
struct Fields {
  explicit Fields(absl::Span<const uint8_t> bytes, uint64_t position) : reader(bytes, position) {}
  uint64_t U16() { return Read<uint16_t>(); }
  uint64_t U32() { return Read<uint32_t>(); }
  uint64_t U64() { return Read<uint64_t>(); }
  void Skip(uint64_t count) { ok = reader.Bytes(count).has_value() && ok; }
  std::string_view Text(uint64_t count) {
    const auto text = reader.Text(count);
    ok = text.has_value() && ok;
    return text.value_or(std::string_view());
  }
  template <typename Integer>
  uint64_t Read() {
    const auto value = reader.Next<Integer>();
    ok = value.has_value() && ok;
    return value.value_or(0);
  }

  ByteReader reader;
  bool ok = true;
};

// The end record lies at the end of the file, behind it only a comment of at most 65,535 bytes.
std::optional<uint64_t> FindDirectoryEnd(absl::Span<const uint8_t> file) {
  if (file.size() < kDirectoryEndSize) return std::nullopt;
  const uint64_t last = file.size() - kDirectoryEndSize;
  const uint64_t first = last - std::min<uint64_t>(last, 65'535);
  for (uint64_t position = last + 1; position-- > first;) {
    Fields fields(file, position);
    if (fields.U32() != kDirectoryEnd) continue;
    fields.Skip(16);
    if (fields.U16() == fields.reader.remaining() && fields.ok) return position;
  }
  return std::nullopt;
}

absl::StatusOr<Directory> FindDirectory(absl::Span<const uint8_t> file) {
  const auto end = FindDirectoryEnd(file);
  if (!end) return Damaged("no end of central directory; the file may be cut short");
  Directory directory;
  Fields fields(file, *end + 10);
  directory.entries = fields.U16();
  directory.size = fields.U32();
  directory.offset = fields.U32();
  if (*end >= kLocatorSize) {
    Fields locator(file, *end - kLocatorSize);
    if (locator.U32() == kDirectoryLocator64) {
      locator.Skip(4);
      Fields end64(file, locator.U64());
      if (end64.U32() != kDirectoryEnd64) return Damaged("zip64 locator points at no zip64 record");
      end64.Skip(28);
      directory.entries = end64.U64();
      directory.size = end64.U64();
      directory.offset = end64.U64();
      if (!end64.ok) return Damaged("zip64 end record cut short");
    }
  }
  if (directory.offset > file.size() || directory.size > file.size() - directory.offset) {
    return Damaged("central directory lies outside the file");
  }
  return directory;
}

struct Entry {
  std::string_view name;
  uint64_t size = 0;
  uint64_t stored_size = 0;
  uint64_t offset = 0;
};

// The zip64 block of an entry's extra field replaces, in this order, the fields that are all ones.
absl::Status ReadZip64(std::string_view extra, Entry& entry) {
  Fields fields({reinterpret_cast<const uint8_t*>(extra.data()), extra.size()}, 0);
  while (fields.reader.remaining() > 0) {
    const uint64_t id = fields.U16();
    const uint64_t size = fields.U16();
    if (id != 1) {
      fields.Skip(size);
      if (!fields.ok) return Damaged("extra field cut short");
      continue;
    }
    for (uint64_t* value : {&entry.size, &entry.stored_size, &entry.offset}) {
      if (*value == 0xffffffff) *value = fields.U64();
    }
    return fields.ok ? absl::OkStatus() : Damaged("zip64 field cut short");
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Span<const uint8_t>> Contents(absl::Span<const uint8_t> file, const Entry& entry) {
  Fields local(file, entry.offset);
  if (local.U32() != kLocalHeader) return Damaged(StrCat("no entry at the place of ", Printable(entry.name)));
  local.Skip(22);
  const uint64_t name_length = local.U16();
  const uint64_t extra_length = local.U16();
  if (local.Text(name_length) != entry.name) {
    return Damaged(StrCat("another entry at the place of ", Printable(entry.name)));
  }
  local.Skip(extra_length);
  const auto bytes = local.reader.Bytes(entry.size);
  if (!local.ok || !bytes) return Damaged(StrCat(Printable(entry.name), " lies outside the file"));
  return *bytes;
}

}  // namespace

absl::StatusOr<std::map<std::string, absl::Span<const uint8_t>>> ReadZipDirectory(absl::Span<const uint8_t> file) {
  const auto directory = FindDirectory(file);
  if (!directory.ok()) return directory.status();
  std::map<std::string, absl::Span<const uint8_t>> contents;
  Fields fields(file.subspan(directory->offset, directory->size), 0);
  for (uint64_t i = 0; i < directory->entries; ++i) {
    if (fields.U32() != kDirectoryHeader) return Damaged(StrCat("no record of entry ", i));
    fields.Skip(4);
    const uint64_t flags = fields.U16();
    const uint64_t method = fields.U16();
    fields.Skip(8);
    Entry entry;
    entry.stored_size = fields.U32();
    entry.size = fields.U32();
    const uint64_t name_length = fields.U16();
    const uint64_t extra_length = fields.U16();
    const uint64_t comment_length = fields.U16();
    fields.Skip(8);
    entry.offset = fields.U32();
    entry.name = fields.Text(name_length);
    const std::string_view extra = fields.Text(extra_length);
    fields.Skip(comment_length);
    if (!fields.ok) return Damaged(StrCat("record of entry ", i, " cut short"));
    if (const auto status = ReadZip64(extra, entry); !status.ok()) return status;
    if (method != 0 || entry.size != entry.stored_size) {
      return absl::InvalidArgumentError(
          StrCat("entry ", Printable(entry.name), " is compressed; torch.save stores without compression"));
    }
    if ((flags & 1) != 0) return absl::InvalidArgumentError(StrCat(Printable(entry.name), " is encrypted"));
    const auto bytes = Contents(file, entry);
    if (!bytes.ok()) return bytes.status();
    if (!contents.emplace(entry.name, *bytes).second) {
      return Damaged(StrCat("entry ", Printable(entry.name), " occurs twice"));
    }
  }
  return contents;
}

}  // namespace fintag
