#include "core/model/pickle_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace fintag {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<Pickle>> Read(const std::string& text) {
  return ReadPickle({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

std::string Error(const std::string& text) {
  const auto pickle = Read(text);
  EXPECT_EQ(pickle.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(pickle.status().message());
}

// What Python's pickle.dumps writes, protocols 2 and 4.
TEST(PickleReader, ReadsPlainValues) {
  const std::string text = "\x80\x02N.more"s;
  const auto none = Read(text);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_NE((*none)->root->As<PickleNone>(), nullptr);
  EXPECT_EQ((*none)->length, 4);
  EXPECT_EQ(*(*Read("\x80\x02\x88."s))->root->As<bool>(), true);
  EXPECT_EQ(*(*Read("K\xff."s))->root->As<int64_t>(), 255);
  EXPECT_EQ(*(*Read("M\xff\xff."s))->root->As<int64_t>(), 65535);
  EXPECT_EQ(*(*Read("J\xfe\xff\xff\xff."s))->root->As<int64_t>(), -2);
  EXPECT_EQ(*(*Read("\x8a\x00."s))->root->As<int64_t>(), 0);
  EXPECT_EQ(*(*Read("\x8a\x01\xff."s))->root->As<int64_t>(), -1);
  EXPECT_EQ(*(*Read("\x8a\x05\x00\x00\x00\x00\x01."s))->root->As<int64_t>(), int64_t{1} << 32);
  EXPECT_EQ((*Read("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."s))->root->As<PickleLong>()->bytes.size(), 9);
  EXPECT_EQ(*(*Read("G\x3f\xf8\x00\x00\x00\x00\x00\x00."s))->root->As<double>(), 1.5);
}

TEST(PickleReader, ReadsContainers) {
  // {"a": [1, 2], "b": (3, {})}; strings are cut where a letter would prolong an escape.
  const std::string text = "\x80\x02}q\x00(X\x01\x00\x00\x00"s + "aq\x01]q\x02(K\x01K\x02"s + "eX\x01\x00\x00\x00"s +
                           "bq\x03K\x03}q\x04\x86q\x05u."s;
  const auto pickle = Read(text);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  const auto* dict = (*pickle)->root->As<PickleDict>();
  ASSERT_NE(dict, nullptr);
  ASSERT_EQ(dict->items.size(), 2);
  EXPECT_EQ(*dict->items[0].first->As<std::string_view>(), "a");
  EXPECT_EQ(*dict->items[0].second->As<PickleList>()->items[1]->As<int64_t>(), 2);
  EXPECT_EQ(dict->items[1].second->As<PickleTuple>()->items.size(), 2);
}

TEST(PickleReader, SurvivesAListThatHoldsItself) {
  const std::string text = "]q\x00h\x00"s + "a."s;
  const auto pickle = Read(text);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  EXPECT_EQ((*pickle)->root->As<PickleList>()->items[0], (*pickle)->root);
}

TEST(PickleReader, SurvivesDeepNesting) {
  std::string text(100'000, ')');
  for (int i = 0; i < 99'999; ++i) text += "\x86";
  EXPECT_TRUE(Read(text + ".").ok());
}

TEST(PickleReader, RefusesEveryGlobalThatWeightsHaveNoNeedOf) {
  EXPECT_THAT(Error("cposix\nsystem\nX\x02\x00\x00\x00ls\x85R."s), HasSubstr("posix.system"));
  EXPECT_THAT(Error("c__builtin__\neval\n."s), HasSubstr("__builtin__.eval"));
  EXPECT_THAT(Error("\x8c\x02os\x8c\x06system\x93."s), HasSubstr("os.system"));
  EXPECT_THAT(Error("ctorch\nload\n."s), HasSubstr("torch.load"));
  EXPECT_THAT(Error("ccollections\nOrderedDict.__init__\n."s), HasSubstr("OrderedDict.__init__"));
}

// INST, OBJ, NEWOBJ, EXT1 and others that make objects by class.
TEST(PickleReader, RefusesOpcodesThatMakeObjects) {
  EXPECT_THAT(Error("(iposix\nsystem\n."s), HasSubstr("0x69"));
  EXPECT_THAT(Error("(ctorch\nFloatStorage\no."s), HasSubstr("0x6f"));
  EXPECT_THAT(Error("ctorch\nFloatStorage\n)\x81."s), HasSubstr("0x81"));
  EXPECT_THAT(Error("\x82\x01."s), HasSubstr("0x82"));
  EXPECT_THAT(Error("Pid\n."s), HasSubstr("0x50"));
}

TEST(PickleReader, RefusesWhatIsDamaged) {
  const std::string cases[] = {
      "",
      ".",
      "\x80",
      "\x80\x06N."s,
      "NN.",
      "(N.",
      "K",
      "X\xff\xff\xff\xff."s,
      "\x8a\xff."s,
      "\x85.",
      "N\x86.",
      "(N\x86.",
      "t.",
      "R.",
      "NNR.",
      "ctorch\nFloatStorage\nNR."s,
      "ctorch",
      "ctorch\nFloat",
      "Na.",
      "]Na",
      "}N(Ns."s,
      "}(Nu."s,
      "]NNs.",
      "Nb.",
      "]Nb.",
      "h\x05.",
      "q\x05.",
      "Q.",
      "\x93.",
      "NN\x93.",
      "ccollections\nOrderedDict\n]\x85R."s,
  };
  for (const std::string& text : cases) EXPECT_THAT(Error(text), HasSubstr("byte")) << text;
}

TEST(PickleReader, BoundsItsMemory) {
  EXPECT_THAT(Error(std::string(10'000'000, 'N') + "."), HasSubstr("values"));
  EXPECT_THAT(Error(std::string(10'000'000, '(') + "."), HasSubstr("marks"));
  std::string recall =
      "N"
      "q\x01"s;
  for (int i = 0; i < 1'000'000; ++i) recall += "h\x01";
  EXPECT_THAT(Error(recall + "."), HasSubstr("values"));
  EXPECT_THAT(Error("N" + std::string(1'000'000, '\x94') + "."), HasSubstr("values"));
  std::string store = "N";
  for (int i = 0; i < 300'000; ++i) {
    store += 'r';
    for (int shift = 0; shift < 32; shift += 8) store += static_cast<char>(i >> shift & 0xff);
  }
  EXPECT_THAT(Error(store + "."), HasSubstr("values"));
}

TEST(PickleReader, SurvivesRandomPrograms) {
  const std::string opcodes =
      "(.N\x88JKM\x8aGXU\x8c}])t\x85\x86\x87"
      "aesuqrh\x94jc\x93RbQ\x80";
  std::mt19937 random(7);
  int read = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string text;
    for (size_t length = random() % 40; length > 0; --length) {
      const int kind = random() % 8;
      if (kind == 0) {
        text += "ccollections\nOrderedDict\n)R";
      } else if (kind == 1) {
        text += static_cast<char>(random() % 4);
      } else {
        text += opcodes[random() % opcodes.size()];
      }
    }
    read += Read(text + ".").ok();
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace fintag
