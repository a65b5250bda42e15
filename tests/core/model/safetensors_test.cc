#include "core/model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "core/model/byte_reader.h"
#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

absl::Span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string File(const std::string& header, size_t data_size, uint64_t claimed_header = 0) {
  const uint64_t length = claimed_header != 0 ? claimed_header : header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_size, '\1');
}

std::string Header(const std::string& type, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST(Safetensors, ReadsBackWhatItWrites) {
  const TemporaryFolder folder;
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::map<std::string, at::Tensor> tensors;
    for (int i = 0; i < round; ++i) {
      std::vector<int64_t> shape(random() % 4);
      for (int64_t& dimension : shape) dimension = 1 + random() % 9;
      tensors["tensor \"" + std::to_string(random() % 1000)] = at::randn(shape);
    }
    const auto path = folder.path() / "model.safetensors";
    ASSERT_TRUE(WriteSafetensors(path, tensors).ok());
    const std::string file = ReadFile(path);
    const auto read = ParseSafetensors(Bytes(file));
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(read->size(), tensors.size());
    for (const StoredTensor& stored : *read) EXPECT_TRUE(ToFloat32(stored)->equal(tensors.at(stored.name)));
  }
}

TEST(Safetensors, WritesEqualBytesForEqualWeights) {
  const TemporaryFolder folder;
  const at::Tensor weight = at::randn({3, 4});
  ASSERT_TRUE(WriteSafetensors(folder.path() / "a", {{"w", weight}, {"b", weight[0]}}).ok());
  ASSERT_TRUE(
      WriteSafetensors(folder.path() / "b", {{"b", weight[0].clone()}, {"w", weight.t().contiguous().t()}}).ok());
  EXPECT_EQ(ReadFile(folder.path() / "a"), ReadFile(folder.path() / "b"));
}

TEST(Safetensors, AlignsTheData) {
  const TemporaryFolder folder;
  for (int length = 1; length < 20; ++length) {
    ASSERT_TRUE(WriteSafetensors(folder.path() / "a", {{std::string(length, 'n'), at::ones({2})}}).ok());
    const std::string file = ReadFile(folder.path() / "a");
    EXPECT_EQ(*ByteReader(Bytes(file)).Next<uint64_t>() % 8, 0);
    EXPECT_EQ(file[8], '{');
  }
}

TEST(Safetensors, ViewsElementsThatLieReady) {
  for (const size_t shift : {size_t{0}, size_t{1}}) {
    std::string header = Header("F32", "[2]", "[0,8]");
    while ((8 + header.size()) % 4 != shift) header += ' ';
    const auto file = std::make_shared<std::string>(File(header, 0) + std::string("\0\0\x80\x3f\0\0\0\x40", 8));
    ASSERT_EQ(reinterpret_cast<uintptr_t>(file->data()) % 4, 0);
    const auto read = ParseSafetensors(Bytes(*file));
    ASSERT_TRUE(read.ok()) << read.status();
    const at::Tensor values = *ToFloat32(read->front(), file);
    EXPECT_TRUE(values.equal(at::tensor({1.F, 2.F})));
    const bool is_view = values.const_data_ptr() == static_cast<const void*>(read->front().bytes.data());
    EXPECT_EQ(is_view, shift == 0);
    EXPECT_EQ(file.use_count(), is_view ? 2 : 1);
    EXPECT_NE(ToFloat32(read->front())->const_data_ptr(), static_cast<const void*>(read->front().bytes.data()));
  }
}

TEST(Safetensors, ReportsAFolderThatIsMissing) {
  EXPECT_EQ(WriteSafetensors("/no such folder/model.safetensors", {}).code(), absl::StatusCode::kNotFound);
}

// Every one of the 65,536 patterns, at an odd address.
TEST(Safetensors, ConvertsEveryHalf) {
  for (const std::string type : {"F16", "BF16"}) {
    std::string file = File(Header(type, "[65536]", "[0,131072]"), 0);
    if (file.size() % 2 == 0) file = File(Header(type, "[65536]", "[0,131072]") + " ", 0);
    for (int bits = 0; bits < 65536; ++bits) file += {static_cast<char>(bits & 255), static_cast<char>(bits >> 8)};
    const auto read = ParseSafetensors(Bytes(file));
    ASSERT_TRUE(read.ok()) << read.status();
    const at::Tensor values = *ToFloat32(read->front());
    const float* value = values.const_data_ptr<float>();
    for (int bits = 0; bits < 65536; ++bits) {
      const int exponent_bits = type == "F16" ? 5 : 8;
      const int fraction_bits = 15 - exponent_bits;
      const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
      const int fraction = bits & ((1 << fraction_bits) - 1);
      const int bias = (1 << (exponent_bits - 1)) - 1;
      const double magnitude = exponent == 0
                                   ? std::ldexp(fraction, 1 - bias - fraction_bits)
                                   : std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
      if (exponent == (1 << exponent_bits) - 1) {
        EXPECT_TRUE(fraction == 0 ? std::isinf(value[bits]) : std::isnan(value[bits])) << bits;
      } else {
        EXPECT_EQ(value[bits], bits >> 15 ? -magnitude : magnitude) << type << " " << bits;
      }
    }
  }
}

TEST(Safetensors, ConvertsOnlyFloats) {
  const std::string file = File(Header("I64", "[2]", "[0,16]"), 16);
  const auto read = ParseSafetensors(Bytes(file));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(std::string(ToFloat32(read->front()).status().message()), HasSubstr("I64"));
}

TEST(Safetensors, ReadsEmptyTensorsAndScalars) {
  const std::string file = File(
      R"({"e":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]},"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
      4);
  const auto read = ParseSafetensors(Bytes(file));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToFloat32((*read)[0])->dim(), 0);
  EXPECT_EQ(ToFloat32((*read)[1])->numel(), 0);
}

TEST(Safetensors, RefusesWhatIsDamaged) {
  const std::string good = Header("F32", "[2,3]", "[0,24]");
  ASSERT_TRUE(ParseSafetensors(Bytes(File(good, 24))).ok());
  const std::string two =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":)";
  const std::pair<std::string, std::string> cases[] = {
      {"", "shorter"},
      {std::string(7, '\0'), "shorter"},
      {File("", 0), "JSON"},
      {File(good, 24, UINT64_MAX), "header of"},
      {File(good, 24, 100'000'001), "header of"},
      {File(good, 24, good.size() + 25), "header of"},
      {File(good, 23), "outside"},
      {File(good, 25), "accounts for"},
      {File("[]", 0), "object"},
      {File(R"({"a":1})", 0), "not an object"},
      {File(R"({"a":{}})", 0), "dtype"},
      {File(R"({"a":{"dtype":"F32"}})", 0), "shape"},
      {File(R"({"a":{"dtype":"F32","shape":[1]}})", 4), "data_offsets"},
      {File(
           R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
           4),
       "twice"},
      {File(Header("F31", "[2,3]", "[0,24]"), 24), "F31"},
      {File(Header("F64", "[2,3]", "[0,24]"), 24), "24 bytes"},
      {File(Header("F32", "[2,-3]", "[0,24]"), 24), "natural"},
      {File(Header("F32", "[2,3.0]", "[0,24]"), 24), "natural"},
      {File(Header("F32", "[18446744073709551615]", "[0,24]"), 24), "natural"},
      {File(Header("F32", "[4294967296,4294967296]", "[0,0]"), 0), "too large"},
      {File(Header("F32", "[9223372036854775807,2]", "[0,24]"), 24), "too large"},
      {File(Header("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4), "dimensions"},
      {File(Header("F32", "[2,3]", "[24,0]"), 24), "outside"},
      {File(Header("F32", "[2,3]", "[-24,0]"), 24), "outside"},
      {File(Header("F32", "[2,3]", "[0,9223372036854775807]"), 24), "outside"},
      {File(Header("F32", "[2,3]", "[0]"), 24), "list of two"},
      {File(Header("F32", "[2,3]", "[1,25]"), 25), "begin at 1"},
      {File(two + "[4,12]}}", 12), "begin at 4"},
      {File(two + "[0,8]}}", 8), "begin at 0"},
      {File(two + "[12,20]}}", 20), "begin at 12"},
      {File(R"({"a":)" + std::string(200000, '[') + std::string(200000, ']') + "}", 0), "deeper"},
      {File(R"({"a":)" + std::string(1000000, '['), 0), "deeper"},
  };
  for (const auto& [file, message] : cases) {
    const auto read = ParseSafetensors(Bytes(file));
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << file.substr(0, 200);
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace fintag
