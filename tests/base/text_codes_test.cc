// Base64, UTF-8 and identifiers made of names.
#include <gtest/gtest.h>

#include <string>

#include "base/base64.h"
#include "base/name_uuid.h"
#include "base/utf8.h"

namespace stagelog {
namespace {

TEST(Base64Test, TheVectorsOfTheStandard) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(Base64(bytes), text);
    EXPECT_EQ(DecodeBase64(text), bytes);
  }
  EXPECT_EQ(DecodeBase64(Base64(std::string("\0\xff\0", 3))), std::string("\0\xff\0", 3));
}

TEST(Base64Test, WhatIsNoneIsNotDecoded) {
  for (const char* text :
       {"Zg", "Zg=", "Zg= ", " Zg=", "Z===", "====", "=Zg=", "Zm9v\n", "Zm-_", "Zg==Zg=="}) {
    EXPECT_FALSE(DecodeBase64(text)) << text;
  }
}

TEST(Base64Test, ForUrlsEachTextHasOneSpelling) {
  EXPECT_EQ(Base64Url("f"), "Zg");
  EXPECT_EQ(Base64Url("\xfb\xff"), "-_8");
  EXPECT_EQ(DecodeBase64Url("-_8"), "\xfb\xff");
  EXPECT_EQ(DecodeBase64Url(""), "");
  for (const char* text : {"Zg==", "Zh", "+/8", "Z", "Z g", "-_9"}) {
    EXPECT_FALSE(DecodeBase64Url(text)) << text;
  }
}

TEST(NameUuidTest, AsPythonMakesIt) {  // uuid.uuid5(uuid.NAMESPACE_URL, name)
  EXPECT_EQ(UuidOfName("https://www.example.com/"), "3d3ed9d2-aa3d-5fa6-90e8-ed662e90f559");
}

TEST(Utf8Test, OnlyTheShortestFormOfACharacter) {
  EXPECT_TRUE(IsUtf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const char* bytes : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
                            "\xc3", "\xe2\x82", "\x80"}) {
    EXPECT_FALSE(IsUtf8(bytes));
  }
  EXPECT_EQ(SanitizeUtf8("a\xff"
                         "b"),
            "a\xef\xbf\xbd"
            "b");
}

}  // namespace
}  // namespace stagelog
