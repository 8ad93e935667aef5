using QRCoder;

namespace Macro.Cli.Output;

/// <summary>A QR code in half blocks: two rows of modules for each line, dark on light whatever the terminal's colours.</summary>
static class QrPicture
{
    const string Light = "\u001b[38;5;231;48;5;16m", Plain = "\u001b[0m";

    public static IEnumerable<string> Of(string text)
    {
        using var data = QRCodeGenerator.GenerateQrCode(text, QRCodeGenerator.ECCLevel.L);
        var modules = data.ModuleMatrix;
        for (var y = 0; y < modules.Count; y += 2)
        {
            var line = new char[modules.Count];
            for (var x = 0; x < line.Length; x++)
                // A light module is drawn, a dark one left out.
                line[x] = (!modules[y][x], y + 1 >= modules.Count || !modules[y + 1][x]) switch
                {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                };
            yield return Light + new string(line) + Plain;
        }
    }
}
