//! The README's program, as it stands there.

use rhyton::prelude::*;

fn main() -> Result<(), Error> {
    let ((images, labels), (test_images, test_labels)) = datasets::mnist::subset();
    let (images, test_images) = (images.to_rows() / 255.0, test_images.to_rows() / 255.0);

    let mut model = Sequential::new((
        Dense::new(512).input_shape([784]).activation("relu"),
        Dropout::new(0.2),
        Dense::new(10),
    ))?;
    model.compile("adam", SparseCategoricalCrossentropy::new().from_logits(true), ["accuracy"])?;

    let mut checkpoint = ModelCheckpoint::new("training/cp.ckpt").save_weights_only(true);
    model.fit(&images, &labels).epochs(3).callbacks([&mut checkpoint]).run()?;

    model.save("training/my_model.keras")?;
    let mut again = load_model("training/my_model.keras")?;
    println!("{:?}", again.evaluate(&test_images, &test_labels).run()?);
    Ok(())
}
