// Messages as JSON for scripts: names as in the contract, whole numbers as numbers, enumerations without their prefix
// ("RUNNING"), times in RFC 3339, absent messages and optional fields left out.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

namespace fintag::client {

using Json = nlohmann::ordered_json;

Json ToJson(const google::protobuf::Message& message);

// One document; malformed UTF-8 becomes U+FFFD. `indent` -1 puts it on one line.
std::string JsonText(const Json& json, int indent = 2);

}  // namespace fintag::client
