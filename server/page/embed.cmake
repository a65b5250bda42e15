# Writes the C++ source of PageFiles():
#   cmake -DOUTPUT=page_files.cc -DFILES=a.html,b.js -P embed.cmake
set(types_html "text/html; charset=utf-8")
set(types_css "text/css; charset=utf-8")
set(types_js "text/javascript; charset=utf-8")
set(types_svg "image/svg+xml")

string(REPLACE "," ";" files "${FILES}")
set(arrays "")
set(entries "")
set(index 0)
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  string(REGEX REPLACE "^.*\\." "" suffix ${name})
  if(NOT DEFINED types_${suffix})
    message(FATAL_ERROR "${file}: no content type is known for .${suffix}")
  endif()
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "const unsigned char kFile${index}[] = {${bytes}};\n")
  string(APPEND entries "    {\"/${name}\", \"${types_${suffix}}\", "
                        "{reinterpret_cast<const char*>(kFile${index}), sizeof kFile${index}}},\n")
  math(EXPR index "${index} + 1")
endforeach()

file(WRITE ${OUTPUT} "#include \"server/page/page_file.h\"

namespace fintag::server {
namespace {

${arrays}
}  // namespace

std::span<const PageFile> PageFiles() {
  static const PageFile files[] = {
${entries}  };
  return files;
}

}  // namespace fintag::server
")
