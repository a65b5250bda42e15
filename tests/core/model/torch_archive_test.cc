#include "core/model/torch_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/model/zip_archive.h"
#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

absl::Span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

template <typename Integer>
std::string Little(Integer value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

struct ZipEntry {
  std::string name;
  std::string content;
  uint16_t method = 0;
  uint16_t flags = 0;
};

// A zip archive of stored entries, without zip64.
std::string Zip(const std::vector<ZipEntry>& entries) {
  std::string file;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const std::string sizes = Little<uint32_t>(entry.content.size()) + Little<uint32_t>(entry.content.size());
    const std::string common = Little<uint16_t>(0) + Little(entry.flags) + Little(entry.method) + std::string(8, '\0') +
                               sizes + Little<uint16_t>(entry.name.size()) + Little<uint16_t>(0);
    directory += "PK\1\2\0\0"s + common + std::string(10, '\0') + Little<uint32_t>(file.size()) + entry.name;
    file += "PK\3\4"s + common + entry.name + entry.content;
  }
  const std::string count = Little<uint16_t>(entries.size());
  return file + directory + "PK\5\6\0\0\0\0"s + count + count + Little<uint32_t>(directory.size()) +
         Little<uint32_t>(file.size()) + "\0\0"s;
}

// Pickle opcodes of one tensor of a state_dict.
struct TensorFields {
  std::string name = "w";
  std::string storage = "FloatStorage";
  std::string key = "0";
  int32_t elements = 6;
  int32_t offset = 0;
  std::vector<int32_t> shape = {2, 3};
  std::vector<int32_t> strides = {3, 1};
};

std::string Text(const std::string& text) { return "X" + Little<uint32_t>(text.size()) + text; }
std::string Integer(int32_t value) { return "J" + Little(value); }
std::string Tuple(const std::vector<int32_t>& values) {
  std::string items;
  for (const int32_t value : values) items += Integer(value);
  return "(" + items + "t";
}
std::string Tensor(const TensorFields& fields) {
  return Text(fields.name) + "ctorch._utils\n_rebuild_tensor_v2\n((" + Text("storage") + "ctorch\n" + fields.storage +
         "\n" + Text(fields.key) + Text("cpu") + Integer(fields.elements) + "tQ" + Integer(fields.offset) +
         Tuple(fields.shape) + Tuple(fields.strides) + "\x89}tR";
}
std::string State(const std::string& items) { return "\x80\x02}(" + items + "u."; }

std::string Archive(const TensorFields& fields) {
  return Zip({{"a/data.pkl", State(Tensor(fields))}, {"a/byteorder", "little"}, {"a/data/0", std::string(24, '\0')}});
}

std::string Error(const std::string& file) {
  const auto tensors = ParseTorchArchive(Bytes(file));
  EXPECT_EQ(tensors.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(tensors.status().message());
}

TEST(TorchArchive, ReadsATensorInPlace) {
  const std::string file = Archive({});
  const auto tensors = ParseTorchArchive(Bytes(file));
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->size(), 1);
  EXPECT_EQ(tensors->front().name, "w");
  EXPECT_EQ(tensors->front().type, "F32");
  EXPECT_EQ(tensors->front().shape, (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(tensors->front().strides.empty());
  EXPECT_EQ(tensors->front().bytes.size(), 24);
}

TEST(TorchArchive, ReadsViewsWithinTheirStorage) {
  const TensorFields views[] = {
      {.shape = {3, 2}, .strides = {1, 3}},        {.offset = 2, .shape = {4}, .strides = {1}},
      {.offset = 1, .shape = {2}, .strides = {4}}, {.shape = {}, .strides = {}},
      {.shape = {0, 1000}, .strides = {1000, 1}},  {.shape = {1, 6}, .strides = {99, 1}},
  };
  for (const TensorFields& view : views) {
    const std::string file = Archive(view);
    EXPECT_TRUE(ParseTorchArchive(Bytes(file)).ok()) << ParseTorchArchive(Bytes(file)).status();
  }
}

TEST(TorchArchive, RefusesViewsThatReachOutside) {
  const TensorFields views[] = {
      {.offset = 1},
      {.offset = -1},
      {.shape = {2, 4}},
      {.shape = {3, 3}},
      {.strides = {4, 1}},
      {.strides = {-3, 1}},
      {.strides = {2147483647, 2147483647}},
      {.shape = {2147483647}, .strides = {0}},
      {.shape = {2147483647, 2147483647, 2147483647}, .strides = {0, 0, 0}},
      {.shape = {-2, -3}},
      {.shape = {2, 3}, .strides = {1}},
      {.shape = {1, 1, 1, 1, 1, 1, 1, 1, 1}, .strides = {1, 1, 1, 1, 1, 1, 1, 1, 1}},
  };
  for (const TensorFields& view : views) EXPECT_THAT(Error(Archive(view)), HasSubstr("tensor w"));
}

TEST(TorchArchive, RefusesStoragesThatAreNotAsDescribed) {
  EXPECT_THAT(Error(Archive({.elements = 7})), HasSubstr("24 bytes, not 28"));
  EXPECT_THAT(Error(Archive({.elements = -6})), HasSubstr("persistent id"));
  EXPECT_THAT(Error(Archive({.storage = "DoubleStorage"})), HasSubstr("24 bytes, not 48"));
  EXPECT_THAT(Error(Archive({.storage = "QInt8Storage"})), HasSubstr("torch.QInt8Storage"));
  EXPECT_THAT(Error(Archive({.key = "1"})), HasSubstr("missing"));
  const std::string two = Tensor({}) + Tensor({.name = "v", .storage = "IntStorage"});
  EXPECT_THAT(Error(Zip({{"a/data.pkl", State(two)}, {"a/data/0", std::string(24, '\0')}})), HasSubstr("two ways"));
}

TEST(TorchArchive, RefusesWhatIsNoStateDict) {
  const auto error = [](const std::string& pickle) {
    return Error(Zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(24, '\0')}}));
  };
  EXPECT_THAT(error("N."), HasSubstr("state_dict"));
  EXPECT_THAT(error(State(Tensor({}) + Tensor({}))), HasSubstr("twice"));
  EXPECT_THAT(error(State("K\1N")), HasSubstr("not a string"));
  EXPECT_THAT(error(State(Text("a") + "}")), HasSubstr("not a tensor"));
  EXPECT_THAT(error(State(Text("a") + "ctorch._utils\n_rebuild_tensor_v2\n)R")), HasSubstr("arguments"));
  EXPECT_THAT(error(State(Text("a") + "ctorch._utils\n_rebuild_parameter\n)R")), HasSubstr("not a tensor"));
  EXPECT_THAT(error("cposix\nsystem\n" + Text("true") + "\x85R."), HasSubstr("posix.system"));
}

TEST(TorchArchive, RefusesOtherArchives) {
  EXPECT_THAT(Error(""), HasSubstr("pickle"));
  EXPECT_THAT(Error("not a checkpoint"), HasSubstr("pickle"));
  EXPECT_THAT(Error("\x80\x02K\1.\x80\x02K\1.\x80\x02}.\x80\x02}.\x80\x02]."), HasSubstr("torch.save"));
  EXPECT_THAT(Error(Zip({{"a/version", "3"}})), HasSubstr("data.pkl"));
  EXPECT_THAT(Error(Zip({{"a/data.pkl", "N."}, {"a/constants.pkl", "N."}})), HasSubstr("TorchScript"));
  EXPECT_THAT(Error(Zip({{"a/data.pkl", "N."}, {"a/byteorder", "big"}})), HasSubstr("byte order"));
}

TEST(ZipArchive, FindsStoredEntries) {
  const std::string file = Zip({{"a", "first"}, {"b", ""}, {"c/d", "third"}});
  const auto entries = ReadZipDirectory(Bytes(file));
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 3);
  EXPECT_EQ(std::string(entries->at("c/d").begin(), entries->at("c/d").end()), "third");
}

TEST(ZipArchive, RefusesWhatIsDamaged) {
  const std::string good = Zip({{"name", "content"}});
  const auto error = [](const std::string& file) {
    const auto entries = ReadZipDirectory(Bytes(file));
    EXPECT_EQ(entries.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(entries.status().message());
  };
  for (size_t length = 0; length < good.size(); ++length) error(good.substr(0, length));
  EXPECT_THAT(error(Zip({{"a", "x"}, {"a", "y"}})), HasSubstr("twice"));
  EXPECT_THAT(error(Zip({{"a", "x", 8}})), HasSubstr("compressed"));
  EXPECT_THAT(error(Zip({{"a", "x", 0, 1}})), HasSubstr("encrypted"));
  std::string other_name = good;
  other_name.replace(other_name.find("name"), 4, "nome");
  EXPECT_THAT(error(other_name), HasSubstr("another entry"));
  std::string huge_size = good;
  huge_size.replace(huge_size.find("PK\1\2") + 20, 8, "\xfe\xff\xff\xff\xfe\xff\xff\xff");
  EXPECT_THAT(error(huge_size), HasSubstr("outside"));
}

}  // namespace
}  // namespace fintag
