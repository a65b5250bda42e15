// The files of static/, as they were when the program was built (embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace fintag::server {

struct PageFile {
  std::string_view path;  // "/page.css"
  std::string_view content_type;
  std::string_view content;
};

std::span<const PageFile> PageFiles();

}  // namespace fintag::server
