#include "server/api/resource_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/text/utf8.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

TEST(ResourceName, ParsesIdsOfItsCollectionAlone) {
  EXPECT_EQ(*ParseName("datasets/fin-2024", "datasets", "name"), "fin-2024");
  EXPECT_EQ(*ParseName("jobs/260131-142530-7k3q", "jobs", "name"), "260131-142530-7k3q");
  for (const char* wrong : {"", "fin", "datasets/", "jobs/fin", "datasets/fin/", "datasets/fin/x", "datasets/Fin",
                            "datasets/-fin", "datasets/../x", "datasets/f.n", " datasets/fin", "/datasets/fin"}) {
    const absl::Status status = ParseName(wrong, "datasets", "name").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << wrong;
    EXPECT_THAT(std::string(status.message()), HasSubstr("name: must be \"datasets/{id}\""));
  }
}

TEST(ResourceName, IdsAreShortAndPlain) {
  for (const std::string& right : {std::string("a"), std::string("0-a"), std::string(63, 'z')}) {
    EXPECT_TRUE(CheckId(right, "dataset_id").ok()) << right;
  }
  for (const std::string& wrong :
       {std::string(), std::string("-a"), std::string("A"), std::string("a_b"), std::string("a/b"), std::string("."),
        std::string(64, 'z'), std::string("\xc3\xa9")}) {
    const absl::Status status = CheckId(wrong, "dataset_id");
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << wrong;
    EXPECT_THAT(std::string(status.message()), HasSubstr("dataset_id: must be 1 to 63 characters"));
  }
}

TEST(ResourceName, ModelNamesHaveAVersionOrNone) {
  for (const char* right : {"models/fin", "models/fin/versions/1", "models/fin/versions/120"}) {
    EXPECT_TRUE(CheckModelName(right, "model").ok()) << right;
  }
  for (const char* wrong : {"fin", "models/", "models/fin/", "models/fin/versions", "models/fin/versions/",
                            "models/fin/versions/0", "models/fin/versions/01", "models/fin/versions/-1",
                            "models/fin/versions/1/x", "models/fin/versions/99999999999999999999", "datasets/fin"}) {
    const absl::Status status = CheckModelName(wrong, "model");
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << wrong;
    EXPECT_THAT(std::string(status.message()), HasSubstr("model: must be"));
  }
}

TEST(ResourceName, LongWrongNamesAreCutToValidText) {
  std::string name;
  for (int i = 0; i < 1000; ++i) name += "\xe8\xb2\xa1";
  for (const std::string& wrong : {name, "x" + name, "xy" + name}) {
    const absl::Status status = CheckModelName(wrong, "model");
    EXPECT_LT(status.message().size(), 400U);
    EXPECT_TRUE(ValidateUtf8(std::string(status.message())).ok());
  }
}

TEST(ResourceName, PageSizes) {
  EXPECT_EQ(*CheckPageSize(0), 50);
  EXPECT_EQ(*CheckPageSize(1), 1);
  EXPECT_EQ(*CheckPageSize(1000), 1000);
  EXPECT_TRUE(absl::IsInvalidArgument(CheckPageSize(-1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckPageSize(1001).status()));
}

}  // namespace
}  // namespace fintag::server
