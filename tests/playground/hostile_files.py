"""Files that harm whoever reads them, made here: bombs, loops, broken and encrypted ones. And a few that do not."""

import io
import zlib
from collections.abc import Sequence
from zipfile import ZIP_DEFLATED, ZipFile

import docx
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type='
    '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))


def pdf(*pages: str, password: str = "", owner: str = "") -> bytes:
    """Return a PDF file with these lines of text, one a page; encrypted with a password, or only by its owner."""
    writer = PdfWriter()
    for text in pages:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
                NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
            }
        )
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password or owner:
        writer.encrypt(password, owner or None, algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def raw_pdf(objects: Sequence[bytes]) -> bytes:
    """Return a PDF file of these objects, the first of which is its catalogue."""
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def pdf_with(content: bytes, *, layers: int = 1) -> bytes:
    """Return a PDF file of one page with this content, compressed so many times."""
    for _ in range(layers):
        content = zlib.compress(content, 9)
    filters = b"/FlateDecode " * layers
    return raw_pdf(
        (
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
            b"<</Length %d/Filter[%b]>>stream\n%b\nendstream" % (len(content), filters, content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        )
    )


def looping_pdf() -> bytes:
    """Return a PDF file whose pages contain each other."""
    return raw_pdf(
        (
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2/Parent 3 0 R>>",
            b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2/Parent 2 0 R>>",
        )
    )


def endless_pdf() -> bytes:
    """Return a PDF file of 56 KB whose page takes a minute to read."""
    return pdf_with(b"BT /F1 12 Tf (a) Tj ET " * 1_000_000)


def nested_pdf() -> bytes:
    """Return a PDF file with arrays within arrays."""
    return raw_pdf((b"<</Type/Catalog/Pages 2 0 R/Deep " + b"[" * 200_000 + b"]" * 200_000 + b">>", b"<<>>"))


def word(text: str = "Hello", *, rows: Sequence[Sequence[str]] = ()) -> bytes:
    """Return a Word file with this text, and a table."""
    document = docx.Document()
    document.add_paragraph(text)
    if rows:
        table = document.add_table(len(rows), len(rows[0]))
        for row, cells in zip(table.rows, rows, strict=True):
            for cell, words in zip(row.cells, cells, strict=True):
                cell.text = words
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def merged_cells() -> bytes:
    """Return a Word file with a table whose first row has one cell over two columns, between two others."""
    document = docx.Document()
    first, second = document.add_table(2, 4).rows
    first.cells[1].merge(first.cells[2])
    for cell, words in zip((*first.cells[:2], first.cells[3], *second.cells), "abcdefg", strict=True):
        cell.text = words
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def raw_word(body: bytes, *, head: bytes = b"", **more: bytes) -> bytes:
    """Return a Word file with this XML in its body; `head` stands before it, `more` are further files in it."""
    written = io.BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", TYPES)
        packed.writestr("_rels/.rels", RELATIONS)
        document = b'%b<w:document xmlns:w="%b"><w:body>%b</w:body></w:document>' % (head, WORDS.encode(), body)
        packed.writestr("word/document.xml", b'<?xml version="1.0"?>' + document)
        for name, data in more.items():
            packed.writestr(name, data)
    return written.getvalue()


def zip_bomb() -> bytes:
    """Return a Word file of less than a megabyte that has 200 MB when it is unpacked."""
    return raw_word(b"<w:p/>", **{f"word/media/{n}.png": bytes(50_000_000) for n in range(4)})


def lying_zip_bomb() -> bytes:
    """Return the same, with sizes in it that are not true."""
    return zip_bomb().replace((50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))


def wide_table() -> bytes:
    """Return a Word file with a cell over two thousand million columns."""
    cell = b'<w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc>'
    return raw_word(b"<w:tbl><w:tr>%b</w:tr></w:tbl>" % cell)


def entities() -> bytes:
    """Return a Word file whose entities would become thousands of millions of characters ("billion laughs")."""
    head = f'<!DOCTYPE w [<!ENTITY e0 "ha">{ENTITIES}<!ENTITY x SYSTEM "file:///etc/passwd">]>'.encode()
    return raw_word(b"<w:p><w:r><w:t>[&e9;&x;]</w:t></w:r></w:p>", head=head)


def other_zip() -> bytes:
    """Return an archive that is no Word file."""
    written = io.BytesIO()
    with ZipFile(written, "w") as packed:
        packed.writestr("notes.txt", "Hello")
    return written.getvalue()
